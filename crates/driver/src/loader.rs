//! Finds modules: files beside the entry, and the library inside the binary.

use crate::input::{Content, read_file};
use crate::library;
use checker::modules::Loader;
use diagnostics::{FileId, SourceMap};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub struct Files<'a> {
    pub sources: &'a mut SourceMap,
    pub folder: PathBuf,
    /// The entry's own name in that folder.
    pub entry: Option<(String, FileId)>,
}

impl Files<'_> {
    fn add(&mut self, name: String, text: &str) -> (FileId, Rc<str>) {
        (self.sources.add(name, text), text.into())
    }
}

impl Loader for Files<'_> {
    fn load(&mut self, path: &str) -> Result<Option<(FileId, Rc<str>)>, String> {
        if let Some((name, id)) = &self.entry
            && name == path
        {
            return Ok(Some((*id, self.sources.file(*id).text.as_str().into())));
        }
        let place = self.folder.join(path);
        if !is_there(&place) {
            return Ok(None);
        }
        match read_file(&place)? {
            Content::Text(text) => Ok(Some(self.add(place.display().to_string(), &text))),
            Content::NotUtf8 { valid, byte, .. } => Err(format!("it is not UTF-8: byte {byte:#04x} at offset {valid}")),
        }
    }

    fn std(&mut self, path: &str) -> Option<(FileId, Rc<str>)> {
        library::text(path).map(|text| self.add(library::file_name(path), text))
    }

    fn library(&self) -> &'static [(&'static str, &'static str)] {
        library::MODULES
    }

    fn siblings(&mut self, folder: &str) -> Vec<String> {
        let place = self.folder.join(folder);
        let place = if place.as_os_str().is_empty() { Path::new(".") } else { &place };
        let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
        let mut names: Vec<String> = entries.flatten().filter_map(|entry| module_name(&entry.path())).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Whatever cannot be told to be absent is read, so that the reason is reported.
fn is_there(place: &Path) -> bool {
    match place.metadata() {
        Ok(found) => found.is_file(),
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
    }
}

fn module_name(path: &Path) -> Option<String> {
    let is_module = path.extension().is_some_and(|extension| extension == "ein") || path.join("mod.ein").is_file();
    if is_module { Some(path.file_stem()?.to_str()?.to_owned()) } else { None }
}
