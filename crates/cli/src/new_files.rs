//! The files a command line asks for.
//!
//! Answers one question: *what goes where?* URLs come from operands and from lists (`-i`); where
//! nobody said, the name comes from the URL. Paths leave here absolute, since the service stands
//! somewhere else. The directory part is resolved with the caller's own rights, so that a link the
//! caller follows every day is no surprise to a service that follows none.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ebb_api::client::NewFile;

use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{local_name, units};

/// All files a command line asks for; `urls` are its operands.
///
/// # Errors
/// A usage failure where a URL has no name, or two files the same place.
pub(crate) fn wanted(call: &Invocation, urls: &[&str]) -> Result<Vec<NewFile>, Failure> {
    let mut sources: Vec<Source> =
        urls.iter().map(|url| Source { url: (*url).to_owned(), path: None }).collect();
    if let Some(list) = call.value("input") {
        sources.extend(read_list(list)?);
    }
    if sources.is_empty() {
        return Err(call.misused("which URL?"));
    }
    if let Some(output) = call.value("output") {
        sources = vec![with_output(call, sources, output)?];
    }
    let directory = call.value("directory").map_or_else(|| Path::new("."), Path::new);
    let no_clobber = call.has("no-clobber");
    let files = sources.into_iter().map(|source| source.file(directory, no_clobber));
    let mut files = files.collect::<Result<Vec<_>, _>>()?;
    if let Some(ranges) = call.value("range") {
        let [file] = &mut files[..] else {
            return Err(Failure::usage("--range takes one URL"));
        };
        file.ranges = ranges.to_str().and_then(units::parse_ranges).ok_or_else(|| {
            Failure::usage("--range takes OFFSET:LENGTH,OFFSET:eof, such as 0:100,5000:eof")
        })?;
    }
    if let Some(digest) = call.value("digest") {
        let [file] = &mut files[..] else {
            return Err(Failure::usage("--digest takes one URL"));
        };
        file.digest = Some(digest.to_string_lossy().into_owned());
    }
    all_different(files)
}

/// A URL, and the path that was given with it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    url: String,
    path: Option<OsString>,
}

impl Source {
    fn file(self, directory: &Path, no_clobber: bool) -> Result<NewFile, Failure> {
        if !self.url.contains(':') {
            return Err(Failure::usage(format!("{:?} is no URL", shown(&self.url)))
                .hint(format!("perhaps https://{}", shown(&self.url))));
        }
        let name = self.path.or_else(|| local_name::from_url(&self.url)).ok_or_else(|| {
            Failure::usage(format!("{} does not say what to call the file", shown(&self.url)))
                .hint("say where it goes: -o PATH")
        })?;
        let path = absolute(&directory.join(name))?;
        let mut file = NewFile::new(self.url, path);
        file.no_clobber = no_clobber;
        Ok(file)
    }
}

fn with_output(call: &Invocation, sources: Vec<Source>, output: &OsStr) -> Result<Source, Failure> {
    let [source] = <[Source; 1]>::try_from(sources)
        .map_err(|_| Failure::usage("-o takes one URL; for several use -d DIR"))?;
    if call.has("directory") {
        return Err(Failure::usage("either -o PATH or -d DIR"));
    }
    if output == "-" {
        return Err(Failure::usage("a job cannot write to standard output; use -o PATH"));
    }
    if output.as_bytes().ends_with(b"/") || Path::new(output).is_dir() {
        return Err(Failure::usage(format!("{} is a directory; use -d", output.display())));
    }
    Ok(Source { path: Some(output.to_owned()), ..source })
}

/// Absolute, and without links in the directory part where the caller can see it.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let plain = std::path::absolute(path)
        .map_err(|error| Failure::new(Exit::Failure, format!("{}: {error}", path.display())))?;
    let resolved = plain.parent().and_then(|parent| parent.canonicalize().ok());
    Ok(match (resolved, plain.file_name()) {
        (Some(directory), Some(name)) => directory.join(name),
        // Perhaps only the helper may look there: the service will say.
        _ => plain,
    })
}

fn all_different(files: Vec<NewFile>) -> Result<Vec<NewFile>, Failure> {
    let mut places = HashSet::new();
    match files.iter().find(|file| !places.insert(&file.local_name)) {
        None => Ok(files),
        Some(twice) => {
            let place = crate::escape::shown_path(&twice.local_name);
            Err(Failure::usage(format!("two files would go to {place}"))
                .hint("say where each goes, in a list for -i: a URL and a path a line"))
        }
    }
}

fn read_list(list: &OsStr) -> Result<Vec<Source>, Failure> {
    let read = match list == "-" {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        false => std::fs::read(list),
    };
    let bytes = read.map_err(|error| {
        Failure::usage(format!("cannot read the list {}: {error}", list.display()))
    })?;
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    lines.filter_map(|(number, line)| read_line(number + 1, line).transpose()).collect()
}

/// `URL` or `URL PATH`; empty lines and those that start with `#` say nothing.
fn read_line(number: usize, line: &[u8]) -> Result<Option<Source>, Failure> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let url = std::str::from_utf8(&line[..end])
        .map_err(|_| Failure::usage(format!("line {number} of the list: the URL is not UTF-8")))?;
    let path = line[end..].trim_ascii();
    let path = (!path.is_empty()).then(|| OsStr::from_bytes(path).to_owned());
    Ok(Some(Source { url: url.to_owned(), path }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::parse;
    use std::os::unix::ffi::OsStringExt;

    fn call(line: &str) -> Invocation {
        parse(line.split(' ').map(OsString::from)).unwrap()
    }

    fn paths(files: Vec<NewFile>) -> Vec<PathBuf> {
        files.into_iter().map(|file| OsString::from_vec(file.local_name).into()).collect()
    }

    #[test]
    fn a_relative_path_becomes_absolute() {
        let files = wanted(&call("get -o x.iso"), &["https://h/f"]).unwrap();
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert_eq!(paths(files), [here.join("x.iso")]);
    }

    #[test]
    fn names_come_from_the_urls() {
        let files = wanted(&call("get -d /"), &["https://h/a.iso", "https://h/b%20c"]).unwrap();
        assert_eq!(paths(files), [PathBuf::from("/a.iso"), PathBuf::from("/b c")]);
    }

    #[test]
    fn what_is_not_clear_is_refused() {
        let refused = |line: &str, urls: &[&str]| wanted(&call(line), urls).unwrap_err().text;
        assert_eq!(
            refused("get -o /x", &["a:b", "c:d"]),
            "-o takes one URL; for several use -d DIR"
        );
        assert_eq!(
            refused("get", &["https://h/"]),
            "https://h/ does not say what to call the file"
        );
        assert_eq!(refused("get", &["example.org"]), "\"example.org\" is no URL");
        assert_eq!(refused("get -d /", &["a://1/x", "a://2/x"]), "two files would go to /x");
        assert_eq!(
            refused("get -d / --range 0:1", &["a://1/x", "a://1/y"]),
            "--range takes one URL"
        );
        assert!(refused("get -d / --range 0-1", &["a://1/x"]).contains("0:100,5000:eof"));
        assert_eq!(refused("get -o /", &["a://1/x"]), "/ is a directory; use -d");
        assert_eq!(refused("get", &[]), "get: which URL?");
    }

    #[test]
    fn a_list_has_a_url_and_perhaps_a_path_a_line() {
        let source = |url: &str, path: Option<&str>| {
            Some(Source { url: url.into(), path: path.map(OsString::from) })
        };
        assert_eq!(read_line(1, b"https://h/a").unwrap(), source("https://h/a", None));
        assert_eq!(read_line(1, b" u:\t/a b \r").unwrap(), source("u:", Some("/a b")));
        assert_eq!(read_line(1, b"# u: /a").unwrap(), None);
        assert_eq!(read_line(1, b"").unwrap(), None);
        assert!(read_line(1, b"u:\xff").is_err());
    }
}
