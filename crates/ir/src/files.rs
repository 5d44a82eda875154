//! Functions of `std::io` that take and give whole values, as rows: the checker types calls by them, the runtime does
//! what they say.

/// The function, or the form of one with so many arguments.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FileOp {
    OpenNpz,
    LoadNpz,
    SaveNpz,
    NpzNames,
    OpenSafetensors,
    LoadSafetensors,
    SaveSafetensors,
    SafetensorsNames,
    LoadCsv,
    LoadCsvColumn,
    ReadCsv,
    SaveCsv,
    LoadJson,
    ParseJson,
    ToJson,
    SaveJson,
    ReadLines,
    WriteLines,
    AppendText,
    JoinPath,
    FileName,
    FileStem,
    FileExtension,
    ParentFolder,
    FileExists,
    ListFolder,
    CreateFolder,
    RemoveFile,
    /// What a cast makes of something stored, by the type that it states.
    StateJson,
    StateNpz,
    StateSafetensors,
    StateLoaded,
}

/// What stands at the place of an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileParam {
    Text,
    /// A list of texts.
    Texts,
    Tensor,
    Value,
    /// All further arguments: pairs of a name and a tensor, a list of them, or structs whose fields are tensors.
    Entries,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileResult {
    Nothing,
    Truth,
    Text,
    Texts,
    /// Rows of texts.
    Rows,
    /// A tensor whose type a cast states.
    Loaded,
    /// Something whose type a cast states; the form says how it is read then.
    Stored(FileOp),
    /// Whatever the cast states.
    Stated,
}

pub struct FileRow {
    pub op: FileOp,
    pub name: &'static str,
    pub params: &'static [FileParam],
    /// How many of the last arguments may be left out.
    pub optional: usize,
    pub result: FileResult,
}

const fn row(op: FileOp, name: &'static str, params: &'static [FileParam], result: FileResult) -> FileRow {
    FileRow { op, name, params, optional: 0, result }
}

const fn shorter(op: FileOp, name: &'static str, params: &'static [FileParam], result: FileResult) -> FileRow {
    FileRow { op, name, params, optional: 1, result }
}

pub static ROWS: &[FileRow] = {
    use FileOp::*;
    use FileParam::{Entries, Tensor, Text, Texts, Value};
    use FileResult::{Loaded, Nothing, Rows, Stated, Stored, Truth};
    &[
        row(OpenNpz, "load_npz", &[Text], Stored(StateNpz)),
        row(LoadNpz, "load_npz", &[Text, Text], Loaded),
        row(SaveNpz, "save_npz", &[Text, Entries], Nothing),
        row(NpzNames, "npz_names", &[Text], FileResult::Texts),
        row(OpenSafetensors, "load_safetensors", &[Text], Stored(StateSafetensors)),
        row(LoadSafetensors, "load_safetensors", &[Text, Text], Loaded),
        row(SaveSafetensors, "save_safetensors", &[Text, Entries], Nothing),
        row(SafetensorsNames, "safetensors_names", &[Text], FileResult::Texts),
        shorter(LoadCsv, "load_csv", &[Text, Text], Loaded),
        shorter(LoadCsvColumn, "load_csv_column", &[Text, Text, Text], Loaded),
        shorter(ReadCsv, "read_csv", &[Text, Text], Rows),
        shorter(SaveCsv, "save_csv", &[Text, Tensor, Texts], Nothing),
        row(LoadJson, "load_json", &[Text], Stored(StateJson)),
        row(ParseJson, "parse_json", &[Text], Stored(StateJson)),
        row(ToJson, "to_json", &[Value], FileResult::Text),
        row(SaveJson, "save_json", &[Text, Value], Nothing),
        row(ReadLines, "read_lines", &[Text], FileResult::Texts),
        row(WriteLines, "write_lines", &[Text, Texts], Nothing),
        row(AppendText, "append_text", &[Text, Text], Nothing),
        row(JoinPath, "join_path", &[Text, Text], FileResult::Text),
        row(FileName, "file_name", &[Text], FileResult::Text),
        row(FileStem, "file_stem", &[Text], FileResult::Text),
        row(FileExtension, "file_extension", &[Text], FileResult::Text),
        row(ParentFolder, "parent_folder", &[Text], FileResult::Text),
        row(FileExists, "file_exists", &[Text], Truth),
        row(ListFolder, "list_folder", &[Text], FileResult::Texts),
        row(CreateFolder, "create_folder", &[Text], Nothing),
        row(RemoveFile, "remove_file", &[Text], Nothing),
        row(StateJson, "as", &[Text], Stated),
        row(StateNpz, "as", &[Text], Stated),
        row(StateSafetensors, "as", &[Text], Stated),
        row(StateLoaded, "as", &[Value], Stated),
    ]
};

impl FileOp {
    pub fn row(self) -> &'static FileRow {
        ROWS.iter().find(|row| row.op == self).expect("every operation has a row")
    }

    /// How emitted code names it.
    pub fn code(self) -> i32 {
        ROWS.iter().position(|row| row.op == self).expect("every operation has a row") as i32
    }

    pub fn of_code(code: i32) -> Option<FileOp> {
        ROWS.get(usize::try_from(code).ok()?).map(|row| row.op)
    }

    /// Whether a cast states the type of what this reads.
    pub fn is_cast(self) -> bool {
        self.row().name == "as"
    }
}

/// The extents that a stated type asks for, in the order of its parts, `-1` for any: how a cast tells the runtime.
pub fn extents_text(extents: &[i64]) -> String {
    extents.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")
}

pub fn extents_of(text: &str) -> Vec<i64> {
    text.split_whitespace().map(|extent| extent.parse().expect("extents are written by the checker")).collect()
}
