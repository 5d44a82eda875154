//! What the rows of `ir::files` do.

use crate::cell::Cell;
use crate::context::Context;
use crate::csv_table::{self, Numbers, Table};
use crate::errors::{FINE, Problem};
use crate::files::{reason, settled};
use crate::layout::Element;
use crate::object::{self, Dyn, List, Str, Tensor};
use crate::stated::{Demands, Json};
use crate::{archives, json_text, npy, safetensors};
use ir::Scalar;
use ir::files::{FileOp, extents_of};
use ir::loops::Layout;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

type Words = Result<Vec<u64>, Problem>;

/// Does an operation on the parts of a tuple and leaves the words of its result at `out`.
///
/// # Safety
/// The words are a value of the layout, a tuple; there is room for one of `result` at `out`.
pub unsafe extern "C" fn file_call(
    context: &mut Context,
    site: u32,
    code: i32,
    layout: u32,
    words: *const u64,
    result: u32,
    out: *mut u64,
) -> i32 {
    let op = FileOp::of_code(code).expect("emitted code names operations that exist");
    let Layout::Tuple { fields, .. } = context.layouts.row(layout).clone() else {
        unreachable!("arguments are a tuple")
    };
    let count = context.layouts.words(layout).count;
    // SAFETY: as many words as the layout says. They are copied, for the result may lie where they are.
    let words = if count == 0 { Vec::new() } else { unsafe { std::slice::from_raw_parts(words, count) }.to_vec() };
    let mut rest = words.as_slice();
    let mut values = Vec::new();
    for field in fields {
        let (own, others) = rest.split_at(context.layouts.words(field.0).count);
        values.push((field.0, own));
        rest = others;
    }
    let mut call = Call { context, values, result };
    match unsafe { call.done(op) } {
        Ok(words) => {
            // SAFETY: there is room for the result.
            unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), out, words.len()) };
            FINE
        }
        Err(problem) => context.fail(site, problem),
    }
}

struct Call<'a> {
    context: &'a mut Context,
    /// Arguments: layouts and words.
    values: Vec<(u32, &'a [u64])>,
    result: u32,
}

/// A tensor to be saved, as it lies in memory.
struct Saved<'a> {
    name: String,
    element: Scalar,
    extents: Vec<i64>,
    data: std::borrow::Cow<'a, [u8]>,
}

// SAFETY of all of this: the words are values of their layouts, which the caller keeps.
impl<'a> Call<'a> {
    unsafe fn done(&mut self, op: FileOp) -> Words {
        unsafe {
            match op {
                FileOp::OpenNpz => {
                    Npz::open(self)?;
                    self.text_result(self.text(0))
                }
                FileOp::OpenSafetensors => {
                    Safetensors::open(self)?;
                    self.text_result(self.text(0))
                }
                FileOp::LoadNpz => {
                    let tensor = Npz::open(self)?.tensor(self.context, self.text(1))?;
                    self.loaded(tensor)
                }
                FileOp::LoadSafetensors => {
                    let tensor = Safetensors::open(self)?.tensor(self.context, self.text(1))?;
                    self.loaded(tensor)
                }
                FileOp::NpzNames => {
                    let names = Npz::open(self)?.names();
                    self.texts_result(&names)
                }
                FileOp::SafetensorsNames => {
                    let names = Safetensors::open(self)?.names();
                    self.texts_result(&names)
                }
                FileOp::SaveNpz => self.save_npz(),
                FileOp::SaveSafetensors => self.save_safetensors(),
                FileOp::LoadCsv => {
                    let numbers = self.table(1)?.numbers().map_err(|r| self.problem(r))?;
                    let extents = [numbers.rows, numbers.columns];
                    self.numbers(&numbers, &extents)
                }
                FileOp::LoadCsvColumn => {
                    let numbers = self.table(2)?.column(self.text(1)).map_err(|r| self.problem(r))?;
                    let extents = [numbers.rows];
                    self.numbers(&numbers, &extents)
                }
                FileOp::ReadCsv => {
                    let rows = self.table(1)?.rows;
                    self.rows_result(&rows)
                }
                FileOp::SaveCsv => self.save_csv(),
                FileOp::LoadJson => {
                    let text = fs::read_to_string(self.path()).map_err(|e| self.problem(reason(&e)))?;
                    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
                    parsed(text).map_err(|r| self.problem(r))?;
                    self.text_result(text)
                }
                FileOp::ParseJson => {
                    parsed(self.text(0)).map_err(|reason| Problem::File { path: "JSON".into(), reason })?;
                    self.text_result(self.text(0))
                }
                FileOp::ToJson => {
                    let text = self.json(0)?;
                    self.text_result(&text)
                }
                FileOp::SaveJson => {
                    let text = self.json(1)? + "\n";
                    fs::write(self.path(), text).map_err(|e| self.problem(reason(&e)))?;
                    Ok(Vec::new())
                }
                FileOp::ReadLines => {
                    let text = fs::read_to_string(self.path()).map_err(|e| self.problem(reason(&e)))?;
                    let lines: Vec<&str> = text.lines().collect();
                    self.texts_result(&lines)
                }
                FileOp::WriteLines => {
                    let mut text = self.texts(1).join("\n");
                    if !self.texts(1).is_empty() {
                        text.push('\n');
                    }
                    fs::write(self.path(), text).map_err(|e| self.problem(reason(&e)))?;
                    Ok(Vec::new())
                }
                FileOp::AppendText => {
                    let file = fs::OpenOptions::new().append(true).create(true).open(self.path());
                    let written = file.and_then(|mut file| file.write_all(self.text(1).as_bytes()));
                    written.map_err(|e| self.problem(reason(&e)))?;
                    Ok(Vec::new())
                }
                FileOp::JoinPath => {
                    let joined = Path::new(self.text(0)).join(self.text(1));
                    self.text_result(joined.to_str().expect("both parts are text"))
                }
                FileOp::FileName => self.part(|path| path.file_name()),
                FileOp::FileStem => self.part(|path| path.file_stem()),
                FileOp::FileExtension => self.part(|path| path.extension()),
                FileOp::ParentFolder => self.part(|path| path.parent().map(Path::as_os_str)),
                FileOp::FileExists => Ok(vec![u64::from(self.path().exists())]),
                FileOp::ListFolder => self.list_folder(),
                FileOp::CreateFolder => {
                    fs::create_dir_all(self.path()).map_err(|e| self.problem(reason(&e)))?;
                    Ok(Vec::new())
                }
                FileOp::RemoveFile => {
                    fs::remove_file(self.path()).map_err(|e| self.problem(reason(&e)))?;
                    Ok(Vec::new())
                }
                FileOp::StateJson => {
                    let value = parsed(self.text(0)).map_err(|reason| Problem::File { path: "JSON".into(), reason })?;
                    let demands = self.demands(1);
                    let mut json = Json { context: self.context, demands: &demands, place: "$".to_string() };
                    json.value(&value, self.result, &demands.whole)
                }
                FileOp::StateNpz => {
                    let mut archive = Npz::open(self)?;
                    self.stated(&mut archive)
                }
                FileOp::StateSafetensors => {
                    let mut archive = Safetensors::open(self)?;
                    self.stated(&mut archive)
                }
                FileOp::StateLoaded => {
                    let tensor = (*(self.values[0].1[0] as *const Dyn)).tensor;
                    Ok(vec![only_cell(self.context, tensor, self.result)?])
                }
            }
        }
    }

    unsafe fn text(&self, place: usize) -> &'a str {
        unsafe { object::text(self.values[place].1[0] as *const Str) }
    }

    unsafe fn texts(&self, place: usize) -> Vec<&'a str> {
        unsafe {
            let words = object::list_words(self.values[place].1[0] as *const List);
            words.iter().map(|word| object::text(*word as *const Str)).collect()
        }
    }

    unsafe fn path(&self) -> std::path::PathBuf {
        unsafe { self.context.resolve(self.text(0)) }
    }

    unsafe fn problem(&self, reason: String) -> Problem {
        unsafe { Problem::File { path: self.text(0).to_string(), reason } }
    }

    unsafe fn demands(&self, place: usize) -> Demands {
        unsafe { Demands::of(self.context, self.result, &extents_of(self.text(place))) }
    }

    unsafe fn text_result(&mut self, text: &str) -> Words {
        Ok(vec![self.context.new_string(text)? as u64])
    }

    unsafe fn part(&mut self, part: impl for<'p> Fn(&'p Path) -> Option<&'p std::ffi::OsStr>) -> Words {
        unsafe {
            let text = part(Path::new(self.text(0))).and_then(|part| part.to_str()).unwrap_or("");
            self.text_result(text)
        }
    }

    unsafe fn texts_result(&mut self, texts: &[impl AsRef<str>]) -> Words {
        let Layout::List(item) = *self.context.layouts.row(self.result) else { unreachable!("texts are a list") };
        Ok(vec![self.list_of_texts(item.0, texts)? as u64])
    }

    fn list_of_texts(&mut self, item: u32, texts: &[impl AsRef<str>]) -> Result<*mut List, Problem> {
        let mut words = Vec::with_capacity(texts.len());
        for text in texts {
            match self.context.new_string(text.as_ref()) {
                Ok(string) => words.push(string as u64),
                Err(problem) => {
                    // SAFETY: the strings were made above.
                    unsafe { self.context.release_item(item, &words) };
                    return Err(problem.into());
                }
            }
        }
        Ok(self.context.new_list(item, 1, words.len(), &words)?)
    }

    unsafe fn rows_result(&mut self, rows: &[Vec<String>]) -> Words {
        let Layout::List(row) = *self.context.layouts.row(self.result) else { unreachable!("rows are a list") };
        let Layout::List(item) = *self.context.layouts.row(row.0) else { unreachable!("a row is a list") };
        let mut words = Vec::with_capacity(rows.len());
        for texts in rows {
            match self.list_of_texts(item.0, texts) {
                Ok(list) => words.push(list as u64),
                Err(problem) => {
                    unsafe { self.context.release_item(row.0, &words) };
                    return Err(problem);
                }
            }
        }
        Ok(vec![self.context.new_list(row.0, 1, words.len(), &words)? as u64])
    }

    /// Takes over the tensor's count.
    unsafe fn loaded(&mut self, tensor: *mut Tensor) -> Words {
        match self.context.new_dyn(tensor) {
            Ok(object) => Ok(vec![object as u64]),
            Err(problem) => {
                unsafe { self.context.release(tensor) };
                Err(problem.into())
            }
        }
    }

    unsafe fn table(&self, at: usize) -> Result<Table, Problem> {
        unsafe {
            let delimiter = match self.values.get(at) {
                Some(_) => csv_table::delimiter(self.text(at)).map_err(|r| self.problem(r))?,
                None => b',',
            };
            let file = File::open(self.path()).map_err(|e| self.problem(reason(&e)))?;
            Table::read(file, delimiter).map_err(|r| self.problem(r))
        }
    }

    unsafe fn numbers(&mut self, numbers: &Numbers, extents: &[i64]) -> Words {
        unsafe {
            let tensor = self.context.new_tensor(Element::Scalar(numbers.element), extents)?;
            for (place, cell) in numbers.cells.iter().enumerate() {
                cell.store(numbers.element, (*tensor).data.add(place * numbers.element.size()));
            }
            self.loaded(tensor)
        }
    }

    unsafe fn save_csv(&mut self) -> Words {
        unsafe {
            let tensor = self.values[1].1[0] as *const Tensor;
            let (element, extents) = (object::element(tensor), object::extents(tensor));
            let width = extents.get(1).map_or(1, |columns| *columns as usize);
            let header = self.values.get(2).map(|_| self.texts(2));
            if let Some(header) = header.as_ref().filter(|header| header.len() != width) {
                return Err(self.problem(format!("a header of {} names over {width} columns", header.len())));
            }
            let cell = |place: usize| {
                let at = (*tensor).data.add(place * element.size());
                match element {
                    Element::Scalar(scalar) => Cell::load(scalar, at).text(),
                    Element::Str => object::text(*(at as *const *const Str)).to_string(),
                }
            };
            let rows = (0..extents[0] as usize).map(|row| (0..width).map(|k| cell(row * width + k)).collect());
            let file = File::create(self.path()).map_err(|e| self.problem(reason(&e)))?;
            csv_table::write(BufWriter::new(file), header.as_deref(), rows).map_err(|r| self.problem(r))?;
            Ok(Vec::new())
        }
    }

    unsafe fn json(&self, place: usize) -> Result<String, Problem> {
        unsafe {
            let (layout, words) = self.values[place];
            let mut writer = json_text::Writer { context: self.context, out: String::new() };
            writer.value(layout, words)?;
            Ok(writer.out)
        }
    }

    unsafe fn list_folder(&mut self) -> Words {
        unsafe {
            let entries = fs::read_dir(self.path()).map_err(|e| self.problem(reason(&e)))?;
            let mut names = Vec::new();
            for entry in entries {
                let name = entry.map_err(|e| self.problem(reason(&e)))?.file_name();
                let name = name.to_str().ok_or_else(|| self.problem("a name in it is not valid UTF-8".to_string()))?;
                names.push(name.to_string());
            }
            names.sort();
            self.texts_result(&names)
        }
    }

    unsafe fn save_npz(&mut self) -> Words {
        unsafe {
            let tensors = self.saved()?;
            let write = || {
                let mut writer = archives::Writer::new(BufWriter::new(File::create(self.path())?));
                for tensor in &tensors {
                    let mut data = Vec::new();
                    npy::write(&mut data, tensor.element, &tensor.extents, &tensor.data)?;
                    writer.entry(&format!("{}.npy", tensor.name), &data)?;
                }
                writer.finish()
            };
            write().map_err(|e| self.problem(reason(&e)))?;
            Ok(Vec::new())
        }
    }

    unsafe fn save_safetensors(&mut self) -> Words {
        unsafe {
            let tensors = self.saved()?;
            let tensors: Vec<_> =
                tensors.iter().map(|t| (t.name.clone(), t.element, t.extents.clone(), &*t.data)).collect();
            let file = File::create(self.path()).map_err(|e| self.problem(reason(&e)))?;
            safetensors::write(&mut BufWriter::new(file), &tensors).map_err(|e| self.problem(reason(&e)))?;
            Ok(Vec::new())
        }
    }

    /// All tensors among the arguments behind the path, by name.
    unsafe fn saved(&self) -> Result<Vec<Saved<'a>>, Problem> {
        unsafe {
            let mut found = Vec::new();
            for (layout, words) in &self.values[1..] {
                self.collect(*layout, words, "", &mut found);
            }
            let mut names = HashSet::new();
            match found.iter().find(|tensor| !names.insert(tensor.name.clone())) {
                Some(twice) => Err(self.problem(format!("two entries have the name `{}`", twice.name))),
                None => Ok(found),
            }
        }
    }

    unsafe fn collect(&self, layout: u32, words: &'a [u64], name: &str, found: &mut Vec<Saved<'a>>) {
        unsafe {
            match self.context.layouts.row(layout) {
                Layout::Scalar(scalar) => {
                    let mut data = vec![0; scalar.size()];
                    Cell::of_word(*scalar, words[0]).store(*scalar, data.as_mut_ptr());
                    let (name, element) = (name.to_string(), *scalar);
                    found.push(Saved { name, element, extents: Vec::new(), data: data.into() });
                }
                Layout::Tensor(..) => found.push(saved_tensor(name, words[0] as *const Tensor)),
                Layout::Dyn => found.push(saved_tensor(name, (*(words[0] as *const Dyn)).tensor)),
                Layout::List(item) => {
                    let list = words[0] as *const List;
                    for words in object::list_words(list).chunks_exact((*list).item_words) {
                        self.collect(item.0, words, name, found);
                    }
                }
                Layout::Tuple { name: None, fields, .. }
                    if fields.len() == 2 && matches!(self.context.layouts.row(fields[0].0), Layout::Str) =>
                {
                    let own = object::text(words[0] as *const Str);
                    self.collect(fields[1].0, &words[1..], &joined(name, own), found);
                }
                Layout::Tuple { name: of, fields, names } => {
                    let mut rest = words;
                    for (k, field) in fields.iter().enumerate() {
                        let (own, others) = rest.split_at(self.context.layouts.words(field.0).count);
                        let step = if of.is_some() { names[k].clone() } else { k.to_string() };
                        self.collect(field.0, own, &joined(name, &step), found);
                        rest = others;
                    }
                }
                other => unreachable!("{other:?} is no entry"),
            }
        }
    }

    /// The tensors of an archive as the value that a cast states.
    unsafe fn stated(&mut self, archive: &mut impl Archive) -> Words {
        unsafe {
            let demands = self.demands(1);
            let mut words = Vec::new();
            let mut done = Vec::new();
            let mut parts = Vec::new();
            leaves(self.context, self.result, &demands, &demands.whole, "", &mut parts);
            for (name, layout, extents) in parts {
                match self.entry(archive, &name, layout, &extents) {
                    Ok(word) => {
                        done.push((layout, word));
                        words.push(word);
                    }
                    Err(problem) => {
                        for (layout, word) in done {
                            self.context.release_item(layout, &[word]);
                        }
                        return Err(problem);
                    }
                }
            }
            Ok(words)
        }
    }

    unsafe fn entry(
        &mut self,
        archive: &mut impl Archive,
        name: &str,
        layout: u32,
        extents: &[i64],
    ) -> Result<u64, Problem> {
        unsafe {
            let tensor = archive.tensor(self.context, name)?;
            let settled = match self.context.layouts.row(layout).clone() {
                Layout::Tensor(elem, _) => match self.context.layouts.element(elem.0) {
                    Element::Scalar(scalar) => settled(self.context, tensor, scalar, extents).map(|t| t as u64),
                    Element::Str => unreachable!("no archive has texts"),
                },
                _ => only_cell(self.context, tensor, layout),
            };
            self.context.release(tensor);
            settled.map_err(|problem| match problem {
                Problem::Shape { found, wanted } => Problem::Misfit {
                    place: name.to_string(),
                    found: format!("`{found}`"),
                    wanted: format!("`{wanted}`"),
                },
                other => other,
            })
        }
    }
}

fn joined(name: &str, step: &str) -> String {
    if name.is_empty() { step.to_string() } else { format!("{name}.{step}") }
}

unsafe fn saved_tensor<'a>(name: &str, tensor: *const Tensor) -> Saved<'a> {
    unsafe {
        let Element::Scalar(element) = object::element(tensor) else { unreachable!("no archive has texts") };
        let data = std::slice::from_raw_parts((*tensor).data, object::cells(tensor) * element.size());
        Saved { name: name.to_string(), element, extents: object::extents(tensor).to_vec(), data: data.into() }
    }
}

/// The tensors and numbers of a type, by name, in the order of its words.
fn leaves(
    context: &Context,
    layout: u32,
    demands: &Demands,
    asked: &crate::stated::Asked,
    name: &str,
    found: &mut Vec<(String, u32, Vec<i64>)>,
) {
    match context.layouts.row(layout) {
        Layout::Tuple { name: of, fields, names } => {
            for (k, field) in fields.iter().enumerate() {
                let step = if of.is_some() { names[k].clone() } else { k.to_string() };
                leaves(context, field.0, demands, &demands.fields(asked, 0)[k], &joined(name, &step), found);
            }
        }
        _ => {
            let extents = match asked {
                crate::stated::Asked::Extents(extents) => extents.clone(),
                _ => Vec::new(),
            };
            found.push((name.to_string(), layout, extents));
        }
    }
}

/// The word of a tensor without axes.
unsafe fn only_cell(context: &Context, tensor: *const Tensor, layout: u32) -> Result<u64, Problem> {
    unsafe {
        let Layout::Scalar(wanted) = *context.layouts.row(layout) else { unreachable!("a number is stated") };
        let (element, extents) = (object::element(tensor), object::extents(tensor));
        match element {
            Element::Scalar(scalar) if extents.is_empty() => {
                let mut bytes = [0u8; 8];
                Cell::load(scalar, (*tensor).data).store(wanted, bytes.as_mut_ptr());
                Ok(Cell::load(wanted, bytes.as_ptr()).word())
            }
            _ => {
                let found = crate::objects::type_text(element, extents);
                Err(Problem::Shape { found, wanted: wanted.to_string() })
            }
        }
    }
}

fn parsed(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not valid JSON: {error}"))
}

/// Tensors by name.
trait Archive {
    fn names(&self) -> Vec<String>;

    /// # Safety
    /// The caller takes over the count of the tensor.
    unsafe fn tensor(&mut self, context: &mut Context, name: &str) -> Result<*mut Tensor, Problem>;
}

fn missing(path: &str, name: &str, names: &[String]) -> Problem {
    let has = match names {
        [] => "it is empty".to_string(),
        names => format!("it has {}", names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")),
    };
    Problem::File { path: path.to_string(), reason: format!("no entry `{name}`: {has}") }
}

struct Npz {
    path: String,
    file: BufReader<File>,
    entries: Vec<archives::Entry>,
}

impl Npz {
    unsafe fn open(call: &Call) -> Result<Npz, Problem> {
        unsafe {
            let file = File::open(call.path()).map_err(|e| call.problem(reason(&e)))?;
            let mut file = BufReader::new(file);
            let entries = archives::entries(&mut file).map_err(|r| call.problem(r))?;
            Ok(Npz { path: call.text(0).to_string(), file, entries })
        }
    }
}

impl Archive for Npz {
    fn names(&self) -> Vec<String> {
        let short = |name: &str| name.strip_suffix(".npy").unwrap_or(name).to_string();
        self.entries.iter().map(|entry| short(&entry.name)).collect()
    }

    unsafe fn tensor(&mut self, context: &mut Context, name: &str) -> Result<*mut Tensor, Problem> {
        let Some(place) = self.names().iter().position(|own| own == name) else {
            return Err(missing(&self.path, name, &self.names()));
        };
        let problem = |reason: String| Problem::File { path: self.path.clone(), reason };
        let data = archives::contents(&mut self.file, &self.entries[place]).map_err(problem)?;
        let problem = |error: npy::NpyError| Problem::File {
            path: self.path.clone(),
            reason: format!("`{name}`: {}", error.reason()),
        };
        let mut rest = data.as_slice();
        let header = npy::read_header(&mut rest, data.len() as u64).map_err(problem)?;
        let tensor = context.new_tensor(Element::Scalar(header.element), &header.extents)?;
        // SAFETY: the tensor has as many bytes as the header says.
        unsafe {
            let cells = std::slice::from_raw_parts_mut((*tensor).data, header.bytes());
            npy::read_data(&mut rest, &header, cells).map_err(|error| {
                context.release(tensor);
                problem(error)
            })?;
        }
        Ok(tensor)
    }
}

struct Safetensors {
    path: String,
    file: BufReader<File>,
    entries: Vec<safetensors::Entry>,
}

impl Safetensors {
    unsafe fn open(call: &Call) -> Result<Safetensors, Problem> {
        unsafe {
            let file = File::open(call.path()).map_err(|e| call.problem(reason(&e)))?;
            let bytes = file.metadata().map_err(|e| call.problem(reason(&e)))?.len();
            let mut file = BufReader::new(file);
            let entries = safetensors::entries(&mut file, bytes).map_err(|r| call.problem(r))?;
            Ok(Safetensors { path: call.text(0).to_string(), file, entries })
        }
    }
}

impl Archive for Safetensors {
    fn names(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.name.clone()).collect()
    }

    unsafe fn tensor(&mut self, context: &mut Context, name: &str) -> Result<*mut Tensor, Problem> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else {
            return Err(missing(&self.path, name, &self.names()));
        };
        let tensor = context.new_tensor(Element::Scalar(entry.element), &entry.extents)?;
        // SAFETY: the tensor has as many bytes as its entry, which were compared with its shape.
        unsafe {
            let cells = std::slice::from_raw_parts_mut((*tensor).data, entry.bytes as usize);
            let read = self.file.seek(SeekFrom::Start(entry.place)).and_then(|_| self.file.read_exact(cells));
            if let Err(error) = read {
                context.release(tensor);
                return Err(Problem::File { path: self.path.clone(), reason: reason(&error) });
            }
            if entry.element == Scalar::Bool {
                cells.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
            }
        }
        Ok(tensor)
    }
}
