//! CPython's tests of processes, told anew.
#![cfg(unix)]

use std::io::ErrorKind;
use std::process::Stdio;

use asyncio::{
    Process, Signal, catch_cancelled, create_subprocess_exec, create_subprocess_shell, create_task,
    gather, run, sleep,
};

const BLOCKED: [&str; 2] = ["sleep", "3600"];

async fn blocked() -> Process {
    let [program, argument] = BLOCKED;
    create_subprocess_exec(program, [argument]).await.unwrap()
}

async fn cat() -> Process {
    create_subprocess_exec("cat", [""; 0])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .await
        .unwrap()
}

/// Waits until it has gone, whose number this is.
async fn gone(pid: u32) {
    while std::path::Path::new(&format!("/proc/{pid}")).exists() {
        sleep(0).await;
    }
}

/// Mirrors `test_subprocess.SubprocessMixin.test_stdin_stdout`.
#[test]
fn stdin_stdout() {
    run(async {
        let process = cat().await;
        let (stdin, stdout) = (process.stdin().unwrap(), process.stdout().unwrap());
        stdin.write("some data");
        stdin.drain().await.unwrap();
        stdin.close();
        assert_eq!(stdout.read_to_end().await.unwrap(), b"some data");
        assert_eq!(process.wait().await.unwrap(), 0);
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_communicate`.
#[test]
fn communicate() {
    run(async {
        let process = cat().await;
        let (stdout, _) = process.communicate("some data").await.unwrap();
        assert_eq!(
            (stdout.as_slice(), process.returncode()),
            (&b"some data"[..], Some(0))
        );
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_communicate_none_input`.
#[test]
fn communicate_none_input() {
    run(async {
        let process = cat().await;
        let (stdout, _) = process.communicate("").await.unwrap();
        assert_eq!(
            (stdout.as_slice(), process.returncode()),
            (&b""[..], Some(0))
        );
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_shell`.
#[test]
fn shell() {
    run(async {
        let process = create_subprocess_shell("exit 7").await.unwrap();
        assert_eq!(process.wait().await.unwrap(), 7);
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_kill`.
#[test]
fn kill() {
    run(async {
        let process = blocked().await;
        process.kill().unwrap();
        assert_eq!(process.wait().await.unwrap(), -(Signal::Kill as i32));
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_terminate`.
#[test]
fn terminate() {
    run(async {
        let process = blocked().await;
        process.terminate().unwrap();
        assert_eq!(process.wait().await.unwrap(), -(Signal::Term as i32));
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_send_signal`, with a signal that `nohup` does not have ignored.
#[test]
fn send_signal() {
    run(async {
        let process = create_subprocess_shell("trap 'exit 3' USR1; echo sleeping; cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .await
            .unwrap();
        let stdout = process.stdout().unwrap();
        assert_eq!(stdout.readline().await.unwrap(), b"sleeping\n");
        process.send_signal(Signal::Usr1).unwrap();
        process.stdin().unwrap().close();
        assert_eq!(process.wait().await.unwrap(), 3);
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_stdin_broken_pipe`.
#[test]
fn stdin_broken_pipe() {
    run(async {
        let process = create_subprocess_exec("true", [""; 0])
            .stdin(Stdio::piped())
            .await
            .unwrap();
        process.wait().await.unwrap();
        let stdin = process.stdin().unwrap();
        stdin.write(vec![0; 1 << 20]);
        let error = stdin.drain().await.unwrap_err();
        assert!(
            matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
            ),
            "{error}"
        );
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_communicate_ignore_broken_pipe`.
#[test]
fn communicate_ignore_broken_pipe() {
    run(async {
        let process = create_subprocess_exec("true", [""; 0])
            .stdin(Stdio::piped())
            .await
            .unwrap();
        process.communicate(vec![0; 1 << 20]).await.unwrap();
        assert_eq!(process.returncode(), Some(0));
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_pause_reading`.
#[test]
fn pause_reading() {
    run(async {
        // More than a pipe and a buffer hold: what is not read waits in the process.
        let limit = 10;
        let process = create_subprocess_exec("head", ["-c", "1000000", "/dev/zero"])
            .stdout(Stdio::piped())
            .limit(limit)
            .await
            .unwrap();
        let stdout = process.stdout().unwrap();
        assert_eq!(stdout.read(limit).await.unwrap().len(), limit);
        assert_eq!(process.returncode(), None);
        let rest = stdout.read_to_end().await.unwrap();
        assert_eq!(rest.len() + limit, 1_000_000);
        assert_eq!(process.wait().await.unwrap(), 0);
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_empty_input`.
#[test]
fn empty_input() {
    run(async {
        let process = create_subprocess_shell("wc -c")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .await
            .unwrap();
        let (stdout, _) = process.communicate("").await.unwrap();
        assert_eq!(stdout.trim_ascii(), b"0");
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_devnull_input`.
#[test]
fn devnull_input() {
    run(async {
        let process = create_subprocess_shell("wc -c")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .await
            .unwrap();
        assert!(process.stdin().is_none());
        let (stdout, _) = process.communicate("").await.unwrap();
        assert_eq!(stdout.trim_ascii(), b"0");
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_devnull_output`.
#[test]
fn devnull_output() {
    run(async {
        let process = create_subprocess_shell("echo out")
            .stdout(Stdio::null())
            .await
            .unwrap();
        assert!(process.stdout().is_none());
        let (stdout, _) = process.communicate("").await.unwrap();
        assert_eq!(
            (stdout.as_slice(), process.returncode()),
            (&b""[..], Some(0))
        );
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_devnull_error`.
#[test]
fn devnull_error() {
    run(async {
        let process = create_subprocess_shell("echo err >&2")
            .stderr(Stdio::null())
            .await
            .unwrap();
        assert!(process.stderr().is_none());
        let (_, stderr) = process.communicate("").await.unwrap();
        assert_eq!(
            (stderr.as_slice(), process.returncode()),
            (&b""[..], Some(0))
        );
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_cancel_process_wait`.
#[test]
fn cancel_process_wait() {
    run(async {
        let process = blocked().await;
        let waiting = create_task({
            let process = process.clone();
            async move { process.wait().await }
        });
        sleep(0).await;
        waiting.cancel();
        assert!(catch_cancelled(waiting).await.is_err());
        process.kill().unwrap();
        process.wait().await.unwrap();
        assert!(process.returncode().is_some());
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_cancel_make_subprocess_transport_exec`.
#[test]
fn cancel_make_subprocess_transport_exec() {
    run(async {
        let starting = create_task(create_subprocess_exec(BLOCKED[0], [BLOCKED[1]]));
        starting.cancel();
        assert!(catch_cancelled(starting).await.is_err());
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_popen_error`.
#[test]
fn popen_error() {
    run(async {
        let error = create_subprocess_exec("there is no such program", [""; 0])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_popen_error_with_stdin_pipe`.
#[test]
fn popen_error_with_stdin_pipe() {
    run(async {
        let error = create_subprocess_exec("there is no such program", [""; 0])
            .stdin(Stdio::piped())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_read_stdout_after_process_exit`.
#[test]
fn read_stdout_after_process_exit() {
    run(async {
        let process =
            create_subprocess_shell("i=0; while [ $i -lt 500 ]; do echo line; i=$((i+1)); done")
                .stdout(Stdio::piped())
                .await
                .unwrap();
        process.wait().await.unwrap();
        let stdout = process.stdout().unwrap();
        for _ in 0..500 {
            assert_eq!(stdout.readline().await.unwrap(), b"line\n");
        }
        assert_eq!(stdout.readline().await.unwrap(), b"");
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_create_subprocess_exec_with_path`.
#[test]
fn create_subprocess_exec_with_path() {
    run(async {
        let path = std::path::PathBuf::from("/bin/sh");
        let process = create_subprocess_exec(path, ["-c", "exit 0"])
            .await
            .unwrap();
        assert_eq!(process.wait().await.unwrap(), 0);
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_create_subprocess_env_shell`.
#[test]
fn create_subprocess_env_shell() {
    run(async {
        let process = create_subprocess_shell("echo $FOO")
            .env("FOO", "bar")
            .stdout(Stdio::piped())
            .await
            .unwrap();
        let (stdout, _) = process.communicate("").await.unwrap();
        assert_eq!(stdout, b"bar\n");
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_create_subprocess_env_exec`.
#[test]
fn create_subprocess_env_exec() {
    run(async {
        let process = create_subprocess_exec("sh", ["-c", "echo $FOO"])
            .env("FOO", "bar")
            .stdout(Stdio::piped())
            .await
            .unwrap();
        let (stdout, _) = process.communicate("").await.unwrap();
        assert_eq!(stdout, b"bar\n");
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_subprocess_concurrent_wait`.
#[test]
fn subprocess_concurrent_wait() {
    run(async {
        let process = create_subprocess_shell("exit 0").await.unwrap();
        let waiting = (0..10).map(|_| {
            let process = process.clone();
            async move { process.wait().await.unwrap() }
        });
        assert_eq!(gather(waiting).await, [0; 10]);
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_subprocess_communicate_stdout`.
#[test]
fn subprocess_communicate_stdout() {
    run(async {
        let process = create_subprocess_shell("echo 123")
            .stdout(Stdio::piped())
            .await
            .unwrap();
        let (stdout, stderr) = process.communicate("").await.unwrap();
        assert_eq!(
            (stdout.as_slice(), stderr.as_slice()),
            (&b"123\n"[..], &b""[..])
        );
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_subprocess_send_signal_race`.
#[test]
fn subprocess_send_signal_race() {
    run(async {
        // A signal may come after the end, and then says so.
        for _ in 0..20 {
            let process = create_subprocess_exec("true", [""; 0]).await.unwrap();
            sleep(0).await;
            if let Err(error) = process.send_signal(Signal::Term) {
                assert_eq!(error.kind(), ErrorKind::NotFound);
            }
            assert!(process.wait().await.unwrap() <= 0);
        }
    });
}

/// Mirrors `test_subprocess.SubprocessMixin.test_kill_issue43884`.
#[test]
fn kill_issue43884() {
    run(async {
        // What the shell runs holds the pipe still, and is not waited for.
        let process = create_subprocess_shell("sleep 1; sleep 1")
            .stdout(Stdio::piped())
            .await
            .unwrap();
        let pid = process.pid();
        process.kill().unwrap();
        assert_eq!(process.wait().await.unwrap(), -(Signal::Kill as i32));
        gone(pid).await;
    });
}
