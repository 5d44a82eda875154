//! The npy file format, versions 1 to 3. A header is believed only as far as the file has bytes for it.

use ir::Scalar;
use std::io::{self, Read, Write};

const MAGIC: &[u8] = b"\x93NUMPY";
const LONGEST_HEADER: usize = 1 << 20;
const MOST_AXES: usize = 32;
/// numpy starts the data at a multiple of this.
const ALIGNMENT: usize = 64;

#[derive(Debug, PartialEq)]
pub struct Header {
    pub element: Scalar,
    pub extents: Vec<i64>,
    big_endian: bool,
    fortran_order: bool,
}

#[derive(Debug)]
pub enum NpyError {
    Io(io::Error),
    Malformed(String),
}

impl NpyError {
    pub fn reason(self) -> String {
        match self {
            NpyError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => "the file is cut short".to_string(),
            NpyError::Io(error) if error.kind() == io::ErrorKind::IsADirectory => "is a folder".to_string(),
            NpyError::Io(error) => error.to_string(),
            NpyError::Malformed(reason) => reason,
        }
    }
}

impl From<io::Error> for NpyError {
    fn from(error: io::Error) -> NpyError {
        NpyError::Io(error)
    }
}

fn malformed<T>(reason: impl Into<String>) -> Result<T, NpyError> {
    Err(NpyError::Malformed(reason.into()))
}

impl Header {
    /// Bytes of the data; `read_header` has compared them with the file.
    pub fn bytes(&self) -> usize {
        self.extents.iter().product::<i64>() as usize * self.element.size()
    }
}

/// `file_bytes` is the size of the whole file.
pub fn read_header(file: &mut impl Read, file_bytes: u64) -> Result<Header, NpyError> {
    let mut start = [0; 8];
    file.read_exact(&mut start)?;
    if &start[..6] != MAGIC {
        return malformed("not an npy file: the first bytes are others");
    }
    let (length, before) = match start[6] {
        1 => {
            let mut length = [0; 2];
            file.read_exact(&mut length)?;
            (usize::from(u16::from_le_bytes(length)), 10)
        }
        2 | 3 => {
            let mut length = [0; 4];
            file.read_exact(&mut length)?;
            (u32::from_le_bytes(length) as usize, 12)
        }
        version => return malformed(format!("version {version} of the npy format is not known")),
    };
    if length > LONGEST_HEADER {
        return malformed(format!("a header of {length} bytes"));
    }
    let mut text = vec![0; length];
    file.read_exact(&mut text)?;
    let Ok(text) = String::from_utf8(text) else { return malformed("the header is not text") };
    let header = parse_header(&text)?;
    let claimed =
        header.extents.iter().try_fold(header.element.size() as u64, |total, extent| total.checked_mul(*extent as u64));
    let available = file_bytes.saturating_sub(before + length as u64);
    match claimed {
        Some(claimed) if claimed <= available => Ok(header),
        Some(claimed) => malformed(format!(
            "the file is cut short: its header promises {claimed} bytes of data, {available} are there"
        )),
        None => malformed(format!("the file is cut short: its header promises the shape {:?}", header.extents)),
    }
}

/// Fills `data`, which has the size that the header says, in row-major order and this machine's byte order.
pub fn read_data(file: &mut impl Read, header: &Header, data: &mut [u8]) -> Result<(), NpyError> {
    file.read_exact(data)?;
    let size = header.element.size();
    if header.big_endian != cfg!(target_endian = "big") {
        data.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    if header.element == Scalar::Bool {
        data.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
    }
    if header.fortran_order && header.extents.len() > 1 {
        let columns = data.to_vec();
        let mut strides = vec![size; header.extents.len()];
        for axis in 1..strides.len() {
            strides[axis] = strides[axis - 1] * header.extents[axis - 1] as usize;
        }
        let mut index = vec![0; header.extents.len()];
        for cell in data.chunks_exact_mut(size) {
            let at: usize = index.iter().zip(&strides).map(|(i, stride)| *i as usize * stride).sum();
            cell.copy_from_slice(&columns[at..at + size]);
            advance(&mut index, &header.extents);
        }
    }
    Ok(())
}

/// The next index in row-major order.
fn advance(index: &mut [i64], extents: &[i64]) {
    for (place, extent) in index.iter_mut().zip(extents).rev() {
        *place += 1;
        if *place < *extent {
            return;
        }
        *place = 0;
    }
}

/// Little endian, row-major; `bf16`, which the format does not have, is written as `f32`.
pub fn write(file: &mut impl Write, element: Scalar, extents: &[i64], data: &[u8]) -> io::Result<()> {
    let descr = match element {
        Scalar::Bool => "|b1",
        Scalar::I8 => "|i1",
        Scalar::U8 => "|u1",
        Scalar::I32 => "<i4",
        Scalar::I64 => "<i8",
        Scalar::F16 => "<f2",
        Scalar::BF16 | Scalar::F32 => "<f4",
        Scalar::F64 => "<f8",
        Scalar::Open(_) => unreachable!("an open constant is in no tensor"),
    };
    let extents: String = match extents {
        [one] => format!("{one},"),
        several => several.iter().map(i64::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({extents}), }}");
    let before = MAGIC.len() + 4;
    let padding = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before - header.len() - 1;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    file.write_all(MAGIC)?;
    file.write_all(&[1, 0])?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    if element == Scalar::BF16 {
        for half in data.chunks_exact(2) {
            file.write_all(&[0, 0, half[0], half[1]])?;
        }
        return Ok(());
    }
    if cfg!(target_endian = "big") {
        for cell in data.chunks_exact(element.size()) {
            file.write_all(&cell.iter().rev().copied().collect::<Vec<u8>>())?;
        }
        return Ok(());
    }
    file.write_all(data)
}

/// The dictionary that a header is, written as a Python literal.
struct Literal<'a> {
    rest: &'a str,
}

impl<'a> Literal<'a> {
    fn takes(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), NpyError> {
        if self.takes(token) { Ok(()) } else { malformed(format!("the header lacks a `{token}`")) }
    }

    fn string(&mut self) -> Result<&'a str, NpyError> {
        let quote = if self.takes("'") {
            '\''
        } else if self.takes("\"") {
            '"'
        } else {
            return malformed("the header lacks a quoted name");
        };
        let Some((text, rest)) = self.rest.split_once(quote) else { return malformed("a quote is not closed") };
        self.rest = rest;
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool, NpyError> {
        if self.takes("True") {
            return Ok(true);
        }
        if self.takes("False") { Ok(false) } else { malformed("`fortran_order` is neither True nor False") }
    }

    fn shape(&mut self) -> Result<Vec<i64>, NpyError> {
        self.expect("(")?;
        let mut extents = Vec::new();
        while !self.takes(")") {
            self.rest = self.rest.trim_start();
            let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, rest) = self.rest.split_at(digits);
            let Ok(extent) = number.parse() else { return malformed("the shape has something that is no extent") };
            extents.push(extent);
            self.rest = rest.strip_prefix('L').unwrap_or(rest);
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        if extents.len() > MOST_AXES { malformed(format!("{} axes", extents.len())) } else { Ok(extents) }
    }
}

fn parse_header(text: &str) -> Result<Header, NpyError> {
    let mut literal = Literal { rest: text };
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    literal.expect("{")?;
    while !literal.takes("}") {
        let key = literal.string()?;
        literal.expect(":")?;
        match key {
            "descr" if literal.takes("[") => return malformed("its elements are records"),
            "descr" => descr = Some(literal.string()?),
            "fortran_order" => fortran_order = Some(literal.boolean()?),
            "shape" => shape = Some(literal.shape()?),
            other => return malformed(format!("the header has an unknown key `{other}`")),
        }
        if !literal.takes(",") {
            literal.expect("}")?;
            break;
        }
    }
    let (Some(descr), Some(fortran_order), Some(extents)) = (descr, fortran_order, shape) else {
        return malformed("the header lacks one of `descr`, `fortran_order` and `shape`");
    };
    let (big_endian, element) = element_of(descr)?;
    Ok(Header { element, extents, big_endian, fortran_order })
}

fn element_of(descr: &str) -> Result<(bool, Scalar), NpyError> {
    let (big_endian, kind) = match descr.split_at_checked(1) {
        Some((">", kind)) => (true, kind),
        Some(("<", kind)) => (false, kind),
        Some(("=" | "|", kind)) => (cfg!(target_endian = "big"), kind),
        _ => (cfg!(target_endian = "big"), descr),
    };
    let element = match kind {
        "b1" | "?" => Scalar::Bool,
        "i1" | "b" => Scalar::I8,
        "u1" | "B" => Scalar::U8,
        "i4" => Scalar::I32,
        "i8" => Scalar::I64,
        "f2" => Scalar::F16,
        "f4" => Scalar::F32,
        "f8" => Scalar::F64,
        _ => return malformed(format!("elements of type `{descr}` have no counterpart in the language")),
    };
    Ok((big_endian, element))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(Header, Vec<u8>), String> {
        let mut file = bytes;
        let header = read_header(&mut file, bytes.len() as u64).map_err(NpyError::reason)?;
        let mut data = vec![0; header.bytes()];
        read_data(&mut file, &header, &mut data).map_err(NpyError::reason)?;
        Ok((header, data))
    }

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn what_is_written_reads_back() {
        let cases: [(Scalar, &[i64], usize); 7] = [
            (Scalar::Bool, &[2], 2),
            (Scalar::I8, &[], 1),
            (Scalar::U8, &[0, 3], 0),
            (Scalar::I32, &[2, 3], 24),
            (Scalar::I64, &[1, 1, 1], 8),
            (Scalar::F16, &[4], 8),
            (Scalar::F64, &[3], 24),
        ];
        for (element, extents, size) in cases {
            let data: Vec<u8> = (0..size as u8).map(|b| if element == Scalar::Bool { b % 2 } else { b }).collect();
            let mut bytes = Vec::new();
            write(&mut bytes, element, extents, &data).unwrap();
            let (header, read) = read(&bytes).unwrap();
            assert_eq!((header.element, header.extents.as_slice(), &read), (element, extents, &data));
            assert_eq!((bytes.len() - size) % ALIGNMENT, 0);
        }
    }

    #[test]
    fn brain_floats_are_written_as_singles() {
        let mut bytes = Vec::new();
        write(&mut bytes, Scalar::BF16, &[1], &0x3f80u16.to_le_bytes()).unwrap();
        let (header, data) = read(&bytes).unwrap();
        assert_eq!((header.element, data), (Scalar::F32, 1.0f32.to_le_bytes().to_vec()));
    }

    #[test]
    fn other_orders_are_turned() {
        let header = "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 3)}";
        let data: Vec<u8> = [1i32, 4, 2, 5, 3, 6].iter().flat_map(|v| v.to_be_bytes()).collect();
        for version in 1..=3 {
            let (read, rows) = read(&file(version, header, &data)).unwrap();
            let rows: Vec<i32> = rows.chunks(4).map(|c| i32::from_le_bytes(c.try_into().unwrap())).collect();
            assert_eq!((read.extents, rows), (vec![2, 3], vec![1, 2, 3, 4, 5, 6]));
        }
    }

    #[test]
    fn malformed_files_give_a_reason() {
        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }";
        let cases = [
            (b"hello, world".to_vec(), "not an npy file"),
            (b"".to_vec(), "cut short"),
            (b"\x93NUMPY\x01\x00\xff".to_vec(), "cut short"),
            (file(4, good, &[0; 16]), "version 4"),
            (file(1, good, &[0; 15]), "promises 16 bytes of data, 15 are there"),
            (file(2, "{'descr': '<f8', 'fortran_order': False, 'shape': (9000000000000000000, 9)}", &[]), "cut short"),
            (file(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", &[]), "no extent"),
            (file(1, "{'descr': '<u4', 'fortran_order': False, 'shape': ()}", &[0; 4]), "`<u4`"),
            (file(1, "{'descr': '<f4', 'fortran_order': 1, 'shape': ()}", &[0; 4]), "neither True nor False"),
            (file(1, "{'descr': '<f4', 'shape': ()}", &[0; 4]), "lacks one of"),
            (file(1, "{'descr': '<f4", &[]), "not closed"),
            (file(1, "{'descr': [('a', '<f4')]}", &[]), "records"),
            (file(1, "shape", &[]), "lacks a `{`"),
            (file(1, "{'shape': (-1,)}", &[]), "no extent"),
        ];
        for (bytes, words) in cases {
            let reason = read(&bytes).unwrap_err();
            assert!(reason.contains(words), "{reason} lacks {words}");
        }
    }

    #[test]
    fn no_prefix_of_a_file_is_read_as_a_whole() {
        let mut bytes = Vec::new();
        write(&mut bytes, Scalar::F32, &[2, 2], &[7; 16]).unwrap();
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "the first {end} bytes");
        }
    }
}
