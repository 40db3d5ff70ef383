//! The links of a page.

use std::collections::HashSet;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use url::Url;

/// What the page at `url` refers to, made absolute.
pub fn hrefs(text: &str, url: &Url) -> HashSet<Url> {
    // Links are in start tags: that takes the rules by which HTML is tokenized, scripts and comments
    // included, but no tree.
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut base = None;
    let mut written = Vec::new();
    for Ok(token) in Tokenizer::new_with_emitter(text, emitter) {
        let Token::StartTag(mut tag) = token else {
            continue;
        };
        let Some(href) = tag.attributes.remove(b"href".as_slice()) else {
            continue;
        };
        let href = String::from_utf8_lossy(&href).into_owned();
        if tag.name.as_slice() == b"base" {
            base = base.or_else(|| url.join(&href).ok());
        } else {
            written.push(href);
        }
    }
    let base = base.as_ref().unwrap_or(url);
    written
        .iter()
        .filter_map(|href| base.join(href).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let found = hrefs(text, &"http://host/a/b".parse().unwrap());
        let mut paths: Vec<_> = found
            .iter()
            .map(|url| url[url::Position::BeforePath..].to_owned())
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn links_are_found_however_they_are_quoted() {
        assert_eq!(
            paths(r#"<a href="1"><A HREF='2'><a class=x href=3 ><link href="/4">"#),
            ["/4", "/a/1", "/a/2", "/a/3"]
        );
    }

    #[test]
    fn entities_are_decoded() {
        assert_eq!(paths(r#"<a href="?x=1&amp;y=2">"#), ["/a/b?x=1&y=2"]);
    }

    #[test]
    fn comments_scripts_and_text_are_not_links() {
        assert_eq!(
            paths(r#"<!-- <a href="1"> --><script>"<a href='2'>"</script>&lt;a href="3"&gt;"#),
            [""; 0]
        );
    }

    #[test]
    fn the_base_of_a_page_counts() {
        assert_eq!(paths(r#"<base href="/c/"><a href="1">"#), ["/c/1"]);
    }

    #[test]
    fn what_is_no_url_is_left_out() {
        assert_eq!(paths(r#"<a href="http://["><a href="1">"#), ["/a/1"]);
    }
}
