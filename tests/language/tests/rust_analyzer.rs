//! What an editor makes of functions that somebody is still typing, told by a real `rust-analyzer`:
//! the one that `RUST_ANALYZER` names, or the one on the path. Without one, the tests over the
//! expansion say it alone, and this says that it was not asked.
//!
//! Where rustup has none to offer, crates.io has:
//! `cargo +nightly install --locked ra_ap_rust-analyzer@0.0.349`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// Five bodies that do not parse, and what stands beside them.
const PROGRAM: &str = "\
pub struct Page { title: u32 }

/// Fetches it.
#[asyncio::coroutine]
async fn fetch(page: Page) -> u32 {
    let title = page.
}

/// Lists them.
#[asyncio::coroutine]
fn pages(first: Page) -> asyncio::Generator<Page> {
    let second = Page { title: 2 };
    yield_!(first.);
    yield_!(second.)
}

struct Site;

#[asyncio::coroutines]
impl Site {
    #[coroutine]
    async fn crawl(&self, from: Page) -> Page {
        let found = await_!(fetch(from));
        if found. {}
    }

    #[coroutine]
    fn names(&self) -> asyncio::Generator<Page> {
        yield_!(Page { title: 1 });
    }
}

fn other(site: Site) {
    let later = fetch(Page { title: 1 });
    let listed = pages(Page { title: 1 });
    for each in site.names() {
        each.title;
    }
}

async fn grouped() {
    asyncio::TaskGroup::
}
";

/// How long all of it may take before rust-analyzer is ended, and the test with it.
const PATIENCE: Duration = Duration::from_secs(300);

struct Editor {
    server: Arc<Mutex<Child>>,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    asked: u64,
    file: String,
}

impl Editor {
    /// Opens the program, and waits until all of it is known; `None` if there is no rust-analyzer.
    fn open() -> Option<Self> {
        let program = std::env::var_os("RUST_ANALYZER").unwrap_or_else(|| "rust-analyzer".into());
        let version = Command::new(&program).arg("--version").output().ok()?;
        if !version.status.success() {
            // rustup's stand-in for a component that is not installed.
            return None;
        }
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust_analyzer");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let runtime = workspace.join("runtime");
        let manifest = format!(
            "[package]\nname = \"typing\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\nasyncio = {{ path = {runtime:?} }}\n"
        );
        let written = "the target directory can be written";
        fs::create_dir_all(directory.join("src")).expect(written);
        fs::copy(workspace.join("Cargo.lock"), directory.join("Cargo.lock")).expect(written);
        fs::write(directory.join("Cargo.toml"), manifest).expect(written);
        fs::write(directory.join("src/lib.rs"), PROGRAM).expect(written);
        let mut server = Command::new(&program)
            .current_dir(&directory)
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_NET_OFFLINE", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it told its version");
        let root = format!("file://{}", directory.display());
        let mut editor = Editor {
            requests: server.stdin.take().expect("piped"),
            answers: BufReader::new(server.stdout.take().expect("piped")),
            server: Arc::new(Mutex::new(server)),
            asked: 0,
            file: format!("{root}/src/lib.rs"),
        };
        let server = Arc::clone(&editor.server);
        thread::spawn(move || {
            thread::sleep(PATIENCE);
            end(&server);
        });
        editor.ask(
            "initialize",
            &json!({
                "processId": null,
                "rootUri": root,
                "workspaceFolders": [{ "uri": root, "name": "typing" }],
                "capabilities": { "experimental": { "serverStatusNotification": true } },
                "initializationOptions": { "checkOnSave": false, "cachePriming": { "enable": false } },
            }),
        );
        editor.tell("initialized", &json!({}));
        let document =
            json!({ "uri": editor.file, "languageId": "rust", "version": 1, "text": PROGRAM });
        editor.tell("textDocument/didOpen", &json!({ "textDocument": document }));
        editor.wait_until_all_is_known();
        Some(editor)
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let length = text.len();
        write!(self.requests, "Content-Length: {length}\r\n\r\n{text}").expect("it listens");
        self.requests.flush().expect("it listens");
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The next message that is no question: those it gets no answer to.
    fn receive(&mut self) -> Value {
        loop {
            let mut length = 0;
            loop {
                let mut line = String::new();
                let read = self.answers.read_line(&mut line).expect("it answers");
                assert_ne!(read, 0, "rust-analyzer ended");
                if let Some(number) = line.strip_prefix("Content-Length: ") {
                    length = number.trim().parse().expect("a number");
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut text = vec![0; length];
            self.answers.read_exact(&mut text).expect("it answers");
            let message: Value = serde_json::from_slice(&text).expect("it is JSON");
            match (message.get("method"), message.get("id")) {
                (Some(_), Some(id)) => {
                    let nothing = json!({ "jsonrpc": "2.0", "id": id, "result": null });
                    self.send(&nothing);
                }
                _ => return message,
            }
        }
    }

    fn wait_until_all_is_known(&mut self) {
        loop {
            let message = self.receive();
            if message["method"] == "experimental/serverStatus"
                && message["params"]["quiescent"] == true
            {
                assert_ne!(message["params"]["health"], "error", "{message}");
                return;
            }
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// Asks about the place just behind the only `text`.
    fn ask_at(&mut self, method: &str, text: &str) -> String {
        assert_eq!(PROGRAM.matches(text).count(), 1, "{text}");
        let at = PROGRAM.find(text).expect("it is there") + text.len();
        let line = PROGRAM[..at].matches('\n').count();
        let character = at - PROGRAM[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let place = json!({
            "textDocument": { "uri": self.file },
            "position": { "line": line, "character": character },
        });
        self.ask(method, &place).to_string()
    }

    fn hover(&mut self, text: &str) -> String {
        self.ask_at("textDocument/hover", text)
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        end(&self.server);
    }
}

fn end(server: &Mutex<Child>) {
    if let Ok(mut server) = server.lock() {
        let _ = server.kill();
        let _ = server.wait();
    }
}

#[test]
fn an_editor_knows_the_signature_of_what_is_half_typed_and_completes_in_it() {
    let Some(mut editor) = Editor::open() else {
        println!("there is no rust-analyzer here to ask");
        return;
    };

    // Signatures and documentation stand, whatever the bodies are.
    for (place, signature, documentation) in [
        ("let later = fet", "fn fetch(page: Page)", "Fetches it."),
        ("let listed = pag", "fn pages(first: Page)", "Lists them."),
    ] {
        let hover = editor.hover(place);
        assert!(hover.contains(signature), "{place}: {hover}");
        assert!(hover.contains(documentation), "{place}: {hover}");
    }
    for (variable, its_type) in [
        ("let lat", "Coroutine<impl Future<Output = u32>>"),
        ("let lis", "Generator<Page"),
        ("for ea", "Page"),
        ("let fou", "u32"),
        ("let sec", "Page"),
    ] {
        let hover = editor.hover(variable);
        assert!(hover.contains(its_type), "{variable}: {hover}");
    }

    // Where one types, it completes: in the bodies that do not parse, also inside a word.
    for (half_typed, completed) in [
        ("let title = page.", "\"title"),
        ("yield_!(first.", "\"title"),
        ("yield_!(second.", "\"title"),
        ("if found.", "\"checked_add"),
        ("        each.", "\"title"),
    ] {
        let completion = editor.ask_at("textDocument/completion", half_typed);
        assert!(completion.contains(completed), "{half_typed}: {completion}");
    }

    // What is only there for a message is not offered.
    let completion = editor.ask_at("textDocument/completion", "asyncio::TaskGroup::");
    assert!(completion.contains(r#""label":"run""#), "{completion}");
    assert!(!completion.contains(r#""label":"new""#), "{completion}");

    // And a word's argument leads to where it comes from.
    let definition = editor.ask_at("textDocument/definition", "await_!(fetch(fro");
    let line = PROGRAM[..PROGRAM.find("from: Page").expect("it is there")]
        .matches('\n')
        .count();
    assert!(
        definition.contains(&format!("\"line\":{line}")),
        "{definition}"
    );
}
