//! Processes: what they say, pipelines of them, and the end of one that does not end by itself.

use std::io::{self, ErrorKind};
use std::process::Stdio;

use asyncio::{
    StreamReader, StreamWriter, TaskGroup, TimeoutError, create_subprocess_exec,
    create_subprocess_shell, wait_for,
};

#[asyncio::coroutine]
async fn cat() -> io::Result<()> {
    let proc = await_!(
        create_subprocess_shell("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
    )?;
    let message = "Hello World!";
    println!("cat write: {message}");
    let (stdout, _) = await_!(proc.communicate(message))?;
    println!("cat read: {}", text(&stdout));
    println!("(exit code {})", await_!(proc.wait())?);
    Ok(())
}

#[asyncio::coroutine]
async fn ls() -> io::Result<()> {
    let proc =
        await_!(create_subprocess_shell("printf 'one\\ntwo\\nthree\\n'").stdout(Stdio::piped()))?;
    if let Some(stdout) = proc.stdout() {
        #[async_for]
        for line in stdout.clone() {
            println!("ls>> {}", text(&line?).trim_end());
        }
    }
    await_!(proc.wait())?;
    Ok(())
}

#[asyncio::coroutine]
async fn pump(source: StreamReader, sink: StreamWriter) -> io::Result<()> {
    loop {
        let block = await_!(source.read(1024))?;
        if block.is_empty() {
            break;
        }
        sink.write(block);
        await_!(sink.drain())?;
    }
    sink.close();
    Ok(())
}

/// What the commands make of a text, each of what the one before it does.
#[asyncio::coroutine]
async fn pipeline(input: String, commands: &[&str]) -> io::Result<()> {
    let mut procs = Vec::new();
    for command in commands {
        let words: Vec<_> = command.split(' ').collect();
        procs.push(await_!(
            create_subprocess_exec(words[0], &words[1..])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
        )?);
    }
    let stdin = |n: usize| procs[n].stdin().expect("it is piped").clone();
    let stdout = |n: usize| procs[n].stdout().expect("it is piped").clone();
    let last = await_!(TaskGroup::try_run(async |tg| {
        for right in 1..procs.len() {
            tg.create_task(pump(stdout(right - 1), stdin(right)));
        }
        let first = stdin(0);
        first.write(input);
        first.close();
        let last = stdout(procs.len() - 1);
        await_!(last.read_to_end())
    }));
    let last = last.map_err(io::Error::other)?;
    let mut codes = Vec::new();
    for proc in &procs {
        codes.push(await_!(proc.wait())?);
    }
    println!("{} {codes:?}", commands.join(" | "));
    print!("{}", text(&last));
    Ok(())
}

#[asyncio::coroutine]
async fn fail() -> io::Result<()> {
    let proc = await_!(create_subprocess_shell("echo oops >&2; exit 3").stderr(Stdio::piped()))?;
    let (_, stderr) = await_!(proc.communicate(""))?;
    let code = proc.returncode().unwrap_or_default();
    println!("stderr: {} (exit code {code})", text(&stderr).trim_end());
    let none: [&str; 0] = [];
    match await_!(create_subprocess_exec("there-is-no-such-program", none)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("there-is-no-such-program: not found");
        }
        other => println!("{other:?}"),
    }
    Ok(())
}

#[asyncio::coroutine]
async fn test_call(args: &[&str], timeout: f64) -> io::Result<()> {
    // It waits for its input, which does not come.
    let proc = await_!(create_subprocess_exec(args[0], &args[1..]).stdin(Stdio::piped()))?;
    match await_!(wait_for(proc.wait(), timeout)) {
        Ok(exitcode) => println!("{}: exit code {}", args.join(" "), exitcode?),
        Err(TimeoutError) => {
            println!("timeout! ({timeout} sec)");
            proc.kill()?;
            println!("exit code {}", await_!(proc.wait())?);
        }
    }
    Ok(())
}

#[asyncio::coroutine]
async fn square(n: u32) -> io::Result<String> {
    let proc =
        await_!(create_subprocess_shell(format!("echo $(({n} * {n}))")).stdout(Stdio::piped()))?;
    let (stdout, _) = await_!(proc.communicate(""))?;
    Ok(text(&stdout).trim().to_owned())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[asyncio::main]
async fn main() -> io::Result<()> {
    await_!(cat())?;
    await_!(ls())?;
    let lines = "b c\na b\nb c\nc a\nb c\n".to_owned();
    await_!(pipeline(lines, &["sort", "uniq -c", "wc -l"]))?;
    let long = "to be or not to be".repeat(100_000);
    await_!(pipeline(long, &["tr a-z A-Z", "tr -d O", "wc -c"]))?;
    await_!(fail())?;
    await_!(test_call(&["cat"], 0.01))?;
    let squares = await_!(asyncio::try_gather((0..10).map(square)))?;
    println!("squares: {}", squares.join(" "));
    Ok(())
}
