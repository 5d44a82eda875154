//! Where the program comes from.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub enum Input {
    File(PathBuf),
    Stdin,
    /// Given on the command line.
    Code(String),
}

/// Text, or where it stops being text.
pub enum Content {
    Text(String),
    NotUtf8 { readable: String, valid: usize, byte: u8 },
}

impl Input {
    /// As diagnostics name it.
    pub fn name(&self) -> String {
        match self {
            Input::File(path) => path.display().to_string(),
            Input::Stdin => "<stdin>".to_owned(),
            Input::Code(_) => "<code>".to_owned(),
        }
    }

    /// The folder that modules and data files are relative to.
    pub fn folder(&self) -> PathBuf {
        match self {
            Input::File(path) => path.parent().map_or_else(PathBuf::new, Path::to_path_buf),
            Input::Stdin | Input::Code(_) => PathBuf::new(),
        }
    }

    /// The file's own name among the modules of its folder.
    pub fn module_path(&self) -> Option<&str> {
        match self {
            Input::File(path) => path.file_name()?.to_str(),
            Input::Stdin | Input::Code(_) => None,
        }
    }

    pub fn read(&self) -> Result<Content, String> {
        match self {
            Input::File(path) => read_file(path),
            Input::Stdin => {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes).map_err(|error| error.to_string())?;
                Ok(decode(bytes))
            }
            Input::Code(text) => Ok(Content::Text(text.clone())),
        }
    }
}

/// The reason of a failure names no path: whoever reports it does.
pub fn read_file(path: &Path) -> Result<Content, String> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(decode(bytes)),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::IsADirectory => "this is a folder, not a file".to_owned(),
            io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
            _ => error.to_string(),
        }),
    }
}

fn decode(bytes: Vec<u8>) -> Content {
    match String::from_utf8(bytes) {
        Ok(text) => Content::Text(text),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let readable = String::from_utf8_lossy(&bytes).into_owned();
            Content::NotUtf8 { readable, valid, byte: bytes[valid] }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_missing_file_have_words() {
        let reason = |path: &str| Input::File(path.into()).read().err();
        assert_eq!(reason("/").as_deref(), Some("this is a folder, not a file"));
        assert_eq!(reason("/no/such.ein").as_deref(), Some("there is no such file"));
    }

    #[test]
    fn the_first_byte_that_is_not_text_is_found() {
        let Content::NotUtf8 { readable, valid, byte } = decode(b"ab\xc3\xa4\xff\xfe".to_vec()) else { panic!() };
        assert_eq!((readable.as_str(), valid, byte), ("abä\u{fffd}\u{fffd}", 4, 0xff));
    }

    #[test]
    fn modules_stand_beside_the_entry() {
        let input = Input::File("a/b.ein".into());
        assert_eq!((input.folder(), input.module_path()), (PathBuf::from("a"), Some("b.ein")));
        assert_eq!(Input::Stdin.folder(), PathBuf::new());
    }
}
