//! Processes: what they give and take, how they end, and that none is left behind.
#![cfg(unix)]

use std::io::ErrorKind;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Wake, Waker};

use asyncio::{
    CreateSubprocess, Process, Signal, catch_cancelled, create_subprocess_exec,
    create_subprocess_shell, create_task, gather, sleep, wait_for,
};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;
const SIGINT: i32 = 2;

async fn cat() -> Process {
    create_subprocess_exec("cat", [""; 0])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .await
        .unwrap()
}

#[asyncio::test]
async fn communicate_writes_and_reads_at_the_same_time() {
    let process = cat().await;
    let input = vec![7; 4 << 20];
    let (stdout, stderr) = process.communicate(&input).await.unwrap();
    assert!(stdout == input);
    assert_eq!(stderr, b"");
    assert_eq!(process.returncode(), Some(0));
}

#[asyncio::test]
async fn both_outputs_are_read() {
    let process = create_subprocess_shell("echo out; echo err >&2; exit 7")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .await
        .unwrap();
    let outputs = process.communicate("").await.unwrap();
    assert_eq!(outputs, (b"out\n".to_vec(), b"err\n".to_vec()));
    assert_eq!(process.returncode(), Some(7));
}

#[asyncio::test]
async fn a_process_that_does_not_read_its_input_is_no_error() {
    let process = create_subprocess_exec("true", [""; 0])
        .stdin(Stdio::piped())
        .await
        .unwrap();
    process.communicate(vec![0; 1 << 20]).await.unwrap();
    assert_eq!(process.returncode(), Some(0));
}

#[asyncio::test]
async fn its_pipes_are_streams() {
    let process = cat().await;
    let (stdin, stdout) = (process.stdin().unwrap(), process.stdout().unwrap());
    stdin.write("one\n");
    assert_eq!(stdout.readline().await.unwrap(), b"one\n");
    stdin.write("two\n");
    assert_eq!(stdout.readline().await.unwrap(), b"two\n");
    stdin.write_eof();
    assert_eq!(stdout.readline().await.unwrap(), b"");
    assert_eq!(process.wait().await.unwrap(), 0);
}

#[asyncio::test]
async fn output_can_be_read_after_the_process_has_ended() {
    let process = create_subprocess_shell("echo late")
        .stdout(Stdio::piped())
        .await
        .unwrap();
    assert_eq!(process.wait().await.unwrap(), 0);
    let stdout = process.stdout().unwrap().read_to_end().await.unwrap();
    assert_eq!(stdout, b"late\n");
}

#[asyncio::test]
async fn signals_end_it_and_the_return_code_says_which() {
    let process = cat().await;
    assert_eq!(process.returncode(), None);
    process.kill().unwrap();
    assert_eq!(process.wait().await.unwrap(), -SIGKILL);

    let process = cat().await;
    process.terminate().unwrap();
    assert_eq!(process.wait().await.unwrap(), -SIGTERM);

    // Programs that are started do not ignore it, even if the tests are made to, as what a shell runs in
    // the background is: a handler does not outlive the start of a program, where being ignored does.
    let always = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_default(SIGINT, always).unwrap();
    let process = cat().await;
    process.send_signal(Signal::Int).unwrap();
    assert_eq!(process.wait().await.unwrap(), -SIGINT);
    for refused in [
        process.kill(),
        process.terminate(),
        process.send_signal(Signal::Int),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[asyncio::test]
async fn several_wait_at_once() {
    let process = cat().await;
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let process = process.clone();
            create_task(async move { process.wait().await.unwrap() })
        })
        .collect();
    sleep(0).await;
    process.kill().unwrap();
    assert_eq!(gather(waiting).await, [-SIGKILL; 5]);
}

#[asyncio::test]
async fn a_cancelled_wait_leaves_the_process_alone() {
    let process = cat().await;
    let waiting = create_task({
        let process = process.clone();
        async move { process.wait().await }
    });
    sleep(0).await;
    waiting.cancel();
    assert!(catch_cancelled(waiting).await.is_err());
    assert_eq!(process.returncode(), None);
    process.stdin().unwrap().close();
    assert_eq!(process.wait().await.unwrap(), 0);
}

#[asyncio::test]
async fn who_waits_no_more_is_forgotten_while_the_process_runs() {
    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    let process = cat().await;
    let nobody = Arc::new(Nobody);
    let waker = Waker::from(nobody.clone());
    for _ in 0..3 {
        let mut waiting = Box::pin(process.wait());
        let polled = waiting.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        assert!(Arc::strong_count(&nobody) > 2);
        drop(waiting);
        assert_eq!(Arc::strong_count(&nobody), 2);
    }
    process.communicate("").await.unwrap();
}

#[asyncio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = create_subprocess_exec("no-such-program-anywhere", [""; 0])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains("no-such-program-anywhere"),
        "{error}"
    );
}

#[asyncio::test]
async fn environment_and_directory() {
    let process = create_subprocess_shell("echo $GREETING; pwd")
        .env("GREETING", "hello")
        .current_dir("/")
        .stdout(Stdio::piped())
        .await
        .unwrap();
    let (stdout, _) = process.communicate("").await.unwrap();
    assert_eq!(stdout, b"hello\n/\n");
}

#[asyncio::test]
async fn a_command_of_the_standard_library_says_the_rest() {
    let mut command = std::process::Command::new("cat");
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let process = CreateSubprocess::from(command)
        .stdin(Stdio::piped())
        .await
        .unwrap();
    let pid = rustix::process::Pid::from_raw(process.pid().try_into().unwrap());
    assert_eq!(rustix::process::getpgid(pid).ok(), pid);
    process.communicate("").await.unwrap();
    assert_eq!(process.returncode(), Some(0));
}

/// Whether the process is gone, and no zombie.
#[cfg(target_os = "linux")]
fn is_reaped(pid: u32) -> bool {
    !std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[cfg(target_os = "linux")]
#[asyncio::test]
async fn a_dropped_process_leaves_no_zombie() {
    let mut pids = Vec::new();
    for _ in 0..10 {
        let process = cat().await;
        pids.push(process.pid());
        // It cannot end before its input does, which goes with the last handle.
        let waiting = create_task(async move { process.wait().await });
        sleep(0).await;
        waiting.cancel();
        assert!(catch_cancelled(waiting).await.is_err());
    }
    let reaped = async {
        while !pids.iter().all(|pid| is_reaped(*pid)) {
            sleep(0.001).await;
        }
    };
    wait_for(reaped, 30).await.expect("all are reaped");
}

#[test]
fn processes_work_on_other_executors_and_are_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    async_io::block_on(is_send(async {
        let process = cat().await;
        let (stdout, _) = process.communicate("hello").await.unwrap();
        assert_eq!(stdout, b"hello");
    }));
}

/// All that wait for a process are woken by the thread that waits for it.
#[asyncio::test]
async fn a_waker_that_panics_keeps_nobody_else_waiting() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("as it is woken")
        }
    }
    let process = cat().await;
    let mut first = Box::pin(process.wait());
    let waker = Waker::from(Arc::new(Panics));
    let mut cx = Context::from_waker(&waker);
    assert!(first.as_mut().poll(&mut cx).is_pending());
    let second = process.clone();
    let second = create_task(async move { second.wait().await });
    sleep(0).await;
    process.kill().unwrap();
    assert_eq!(second.await.unwrap(), -SIGKILL);
}
