//! Whether the documents are true about the tests: every test they name exists.
//!
//! A promise rests on its test; a test that was renamed or deleted would leave the promise standing
//! on nothing, and nobody would see it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of all functions and modules in the tree.
fn functions() -> BTreeSet<String> {
    let mut files = Vec::new();
    rust_files(&top().join("crates"), &mut files);
    rust_files(&top().join("tests"), &mut files);
    let mut names = BTreeSet::new();
    for file in files {
        // A module of tests is named by its file.
        names.extend(file.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        let text = fs::read_to_string(file).unwrap();
        let after = text.split("fn ").skip(1);
        names.extend(after.map(|rest| rest.chars().take_while(|c| is_part(*c)).collect()));
    }
    names
}

fn is_part(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_'
}

/// The words of a document that can only be names of tests: sentences with underscores.
fn tests_named_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !is_part(c) && c != '…');
    let sentences = words.filter(|word| word.matches('_').count() >= 3 && !word.contains('…'));
    sentences.map(String::from).collect()
}

#[test]
fn every_test_a_document_names_exists() {
    let functions = functions();
    let mut named = 0;
    for document in ["SPECIFICATION.md", "THREAT-MODEL.md", "ARCHITECTURE.md", "docs/lessons.md"] {
        let text = fs::read_to_string(top().join(document)).unwrap_or_default();
        let tests = tests_named_in(&text);
        let missing: Vec<_> = tests.difference(&functions).collect();
        assert!(missing.is_empty(), "{document} names tests that are not there: {missing:#?}");
        named += tests.len();
    }
    assert!(named > 0, "the check sees what it looks for");
}

#[test]
fn every_path_a_document_names_in_the_tree_exists() {
    for document in ["SPECIFICATION.md", "THREAT-MODEL.md", "ARCHITECTURE.md", "README.md"] {
        let text = fs::read_to_string(top().join(document)).unwrap_or_default();
        let words = text.split(|c: char| c.is_whitespace() || "`()[]|,:;".contains(c));
        let paths = words.filter(|w| w.starts_with("crates/") || w.starts_with("tests/"));
        let whole = paths.filter(|path| !path.contains(['*', '…', '{', '<']));
        for path in whole.map(|path| path.trim_end_matches(['.', '/', '#'])) {
            assert!(top().join(path).exists(), "{document} names {path}, which is not there");
        }
    }
}
