//! The safetensors format: the length of a header, the header as JSON, and the data of all tensors.

use ir::Scalar;
use serde_json::{Map, Value};
use std::io::{self, Read, Write};

/// The format allows no longer header.
const LONGEST_HEADER: u64 = 100_000_000;
const METADATA: &str = "__metadata__";
/// The header is filled up with blanks to a multiple of this.
const ALIGNMENT: usize = 8;

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub name: String,
    pub element: Scalar,
    pub extents: Vec<i64>,
    /// From the beginning of the file.
    pub place: u64,
    pub bytes: u64,
}

/// What a file lists; `file_bytes` is the size of the whole file.
pub fn entries(file: &mut impl Read, file_bytes: u64) -> Result<Vec<Entry>, String> {
    let reason = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "the file is cut short".to_string(),
        _ => crate::files::reason(&error),
    };
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(reason)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER {
        return Err(format!("not a safetensors file: a header of {length} bytes"));
    }
    if length > file_bytes.saturating_sub(8) {
        return Err(format!("the file is cut short: its header should have {length} bytes"));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(reason)?;
    let header: Map<String, Value> =
        serde_json::from_slice(&header).map_err(|error| format!("its header is damaged: {error}"))?;
    let (start, room) = (8 + length, file_bytes - 8 - length);
    header.iter().filter(|(name, _)| *name != METADATA).map(|(name, entry)| listed(name, entry, start, room)).collect()
}

fn listed(name: &str, entry: &Value, start: u64, room: u64) -> Result<Entry, String> {
    let wrong = |what: &str| format!("the entry `{name}` of its header {what}");
    let dtype = entry["dtype"].as_str().ok_or_else(|| wrong("has no `dtype`"))?;
    let element = element_of(dtype)
        .ok_or_else(|| format!("`{name}` has elements of type `{dtype}`, which the language has not"))?;
    let numbers = |field: &str| -> Option<Vec<u64>> { entry[field].as_array()?.iter().map(Value::as_u64).collect() };
    let shape = numbers("shape").ok_or_else(|| wrong("has no `shape`"))?;
    let Some(&[from, to]) = numbers("data_offsets").as_deref() else { return Err(wrong("has no `data_offsets`")) };
    let extents: Option<Vec<i64>> = shape.iter().map(|extent| i64::try_from(*extent).ok()).collect();
    let size = shape.iter().try_fold(element.size() as u64, |size, extent| size.checked_mul(*extent));
    let (Some(extents), Some(size)) = (extents, size) else { return Err(wrong("has a shape without an end")) };
    if to.checked_sub(from) != Some(size) {
        return Err(wrong(&format!("needs {size} bytes and has those from {from} to {to}")));
    }
    if to > room {
        return Err(format!("the file is cut short: `{name}` ends at {to}, of {room} bytes of data"));
    }
    Ok(Entry { name: name.to_string(), element, extents, place: start + from, bytes: size })
}

/// Writes tensors by name: elements, extents, and data in the byte order of the format.
pub fn write(file: &mut impl Write, tensors: &[(String, Scalar, Vec<i64>, &[u8])]) -> io::Result<()> {
    let mut header = Map::new();
    let mut place = 0;
    for (name, element, extents, data) in tensors {
        let entry = serde_json::json!({
            "dtype": dtype_of(*element), "shape": extents, "data_offsets": [place, place + data.len()],
        });
        header.insert(name.clone(), entry);
        place += data.len();
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    tensors.iter().try_for_each(|(_, _, _, data)| file.write_all(data))?;
    file.flush()
}

const DTYPES: &[(&str, Scalar)] = &[
    ("BOOL", Scalar::Bool),
    ("I8", Scalar::I8),
    ("U8", Scalar::U8),
    ("I32", Scalar::I32),
    ("I64", Scalar::I64),
    ("F16", Scalar::F16),
    ("BF16", Scalar::BF16),
    ("F32", Scalar::F32),
    ("F64", Scalar::F64),
];

fn element_of(dtype: &str) -> Option<Scalar> {
    DTYPES.iter().find(|(name, _)| *name == dtype).map(|(_, element)| *element)
}

fn dtype_of(element: Scalar) -> &'static str {
    DTYPES.iter().find(|(_, scalar)| *scalar == element).expect("tensors have elements of some type").0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Entry>, String> {
        entries(&mut &bytes[..], bytes.len() as u64)
    }

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn what_is_written_reads_back() {
        let data = [1u8, 2, 3, 4, 5, 6];
        let tensors = [
            ("b".to_string(), Scalar::BF16, vec![1, 2], &data[..4]),
            ("a".to_string(), Scalar::U8, vec![2], &data[4..]),
            ("none".to_string(), Scalar::F64, vec![0, 3], &data[..0]),
        ];
        let mut bytes = Vec::new();
        write(&mut bytes, &tensors).unwrap();
        let read = read(&bytes).unwrap();
        assert_eq!(read.len(), 3);
        for (name, element, extents, data) in tensors {
            let entry = read.iter().find(|e| e.name == name).unwrap();
            assert_eq!((entry.element, &entry.extents), (element, &extents));
            assert_eq!(&bytes[entry.place as usize..][..entry.bytes as usize], data);
        }
        assert_eq!(u64::from_le_bytes(bytes[..8].try_into().unwrap()) % 8, 0);
    }

    #[test]
    fn malformed_files_give_a_reason() {
        let cases = [
            (b"".to_vec(), "cut short"),
            (10_000_000_000u64.to_le_bytes().to_vec(), "a header of 10000000000 bytes"),
            (64u64.to_le_bytes().to_vec(), "should have 64 bytes"),
            (file("{", &[]), "damaged"),
            (file(r#"{"w": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}"#, &[0]), "`F8_E4M3`"),
            (file(r#"{"w": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}"#, &[0]), "no `shape`"),
            (file(r#"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}"#, &[0; 4]), "needs 8 bytes"),
            (file(r#"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#, &[0; 7]), "cut short"),
            (
                file(r#"{"w": {"dtype": "F64", "shape": [9223372036854775807, 9], "data_offsets": [0, 8]}}"#, &[]),
                "an end",
            ),
            (file(r#"{"w": {"dtype": "F64", "shape": [1], "data_offsets": [8, 0]}}"#, &[0; 8]), "needs 8 bytes"),
        ];
        for (bytes, words) in cases {
            let reason = read(&bytes).unwrap_err();
            assert!(reason.contains(words), "{reason} lacks {words}");
        }
    }
}
