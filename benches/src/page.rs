//! Where figures are written down: between two marks in a page of the repository, so that running the program again renews them.

use std::path::{Path, PathBuf};

/// A file of the repository.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Puts `text` between the marks that are called `name` in a page.
///
/// # Panics
///
/// If the page has no such marks, or cannot be read and written.
pub fn renew(page: &str, name: &str, text: &str) {
    let path = repository(page);
    let before = std::fs::read_to_string(&path).expect("the page can be read");
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (head, rest) = before
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{page} has no {begin}"));
    let (_, tail) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("{page} has no {end}"));
    let text = text.trim();
    std::fs::write(&path, format!("{head}{begin}\n{text}\n\n{end}{tail}"))
        .expect("the page can be written");
}
