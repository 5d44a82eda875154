//! Archives in the zip format, as far as arrays are kept in them: entries that are stored or deflated, and sizes of 64
//! bits. What an archive says of itself is believed only as far as the file has bytes for it.

use std::io::{self, Read, Seek, SeekFrom, Write};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const END_BYTES: u64 = 22;
/// A comment behind the end has at most so many bytes.
const LONGEST_COMMENT: u64 = 0xffff;
/// Deflated data does not grow by more than this.
const LARGEST_RATIO: u64 = 1032;
/// Sizes and places that do not fit stand in an extra field.
const ELSEWHERE: u32 = u32::MAX;
const EXTRA_64: u16 = 1;

#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    deflated: bool,
    checksum: u32,
    packed: u64,
    /// Bytes of the contents.
    pub size: u64,
    place: u64,
}

/// Why an archive cannot be read, in words.
pub type Reason = String;

fn io_reason(error: io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the file is cut short".to_string(),
        _ => crate::files::reason(&error),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn read_at(file: &mut (impl Read + Seek), place: u64, bytes: usize) -> Result<Vec<u8>, Reason> {
    let mut data = vec![0; bytes];
    file.seek(SeekFrom::Start(place)).map_err(io_reason)?;
    file.read_exact(&mut data).map_err(io_reason)?;
    Ok(data)
}

/// What the directory at the end of an archive lists.
pub fn entries(file: &mut (impl Read + Seek)) -> Result<Vec<Entry>, Reason> {
    let bytes = file.seek(SeekFrom::End(0)).map_err(io_reason)?;
    let tail_bytes = bytes.min(END_BYTES + LONGEST_COMMENT);
    let tail = read_at(file, bytes - tail_bytes, tail_bytes as usize)?;
    let starts = |at: &usize| u32_at(&tail, *at) == END;
    let Some(end) = (0..(tail.len() + 1).saturating_sub(END_BYTES as usize)).rev().find(starts) else {
        let is_start = tail.len() >= 4 && read_at(file, 0, 4).is_ok_and(|start| u32_at(&start, 0) == LOCAL);
        let what = if is_start { "the file is cut short: its directory is missing" } else { "not a zip archive" };
        return Err(what.to_string());
    };
    let mut size = u64::from(u32_at(&tail, end + 12));
    let mut place = u64::from(u32_at(&tail, end + 16));
    let end_place = bytes - tail_bytes + end as u64;
    if place == u64::from(ELSEWHERE) || size == u64::from(ELSEWHERE) || u16_at(&tail, end + 10) == u16::MAX {
        let locator = read_at(file, end_place.saturating_sub(20), 20)?;
        if u32_at(&locator, 0) == LOCATOR_64 {
            let record = read_at(file, u64_at(&locator, 8), 56)?;
            if u32_at(&record, 0) != END_64 {
                return Err("its directory is not where it should be".to_string());
            }
            (size, place) = (u64_at(&record, 40), u64_at(&record, 48));
        }
    }
    if place.checked_add(size).is_none_or(|end| end > bytes) {
        return Err(format!("the file is cut short: a directory of {size} bytes at {place}, of {bytes} bytes"));
    }
    let directory = read_at(file, place, size as usize)?;
    listed(&directory, bytes)
}

fn listed(directory: &[u8], bytes: u64) -> Result<Vec<Entry>, Reason> {
    let mut entries = Vec::new();
    let mut rest = directory;
    while rest.len() >= 46 && u32_at(rest, 0) == CENTRAL {
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(rest, at)));
        if rest.len() < 46 + name + extra + comment {
            return Err("its directory is cut short".to_string());
        }
        let Ok(text) = std::str::from_utf8(&rest[46..46 + name]) else {
            return Err("the name of an entry is not valid UTF-8".to_string());
        };
        let deflated = match u16_at(rest, 10) {
            0 => false,
            8 => true,
            method => return Err(format!("`{text}` is packed by method {method}, which is not known")),
        };
        if u16_at(rest, 8) & 1 != 0 {
            return Err(format!("`{text}` is encrypted"));
        }
        let mut wide = wide_fields(&rest[46 + name..46 + name + extra]);
        let mut field = |at: usize| match u32_at(rest, at) {
            ELSEWHERE => wide.next().unwrap_or(u64::from(ELSEWHERE)),
            value => u64::from(value),
        };
        let (size, packed, place) = (field(24), field(20), field(42));
        let room = if deflated { packed.saturating_mul(LARGEST_RATIO).saturating_add(64) } else { packed };
        if packed > bytes || size > room {
            return Err(format!("the file is cut short: `{text}` should have {size} bytes"));
        }
        entries.push(Entry { name: text.to_string(), deflated, checksum: u32_at(rest, 16), packed, size, place });
        rest = &rest[46 + name + extra + comment..];
    }
    if rest.is_empty() { Ok(entries) } else { Err("its directory is damaged".to_string()) }
}

/// The numbers of the field for sizes of 64 bits.
fn wide_fields(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut found: Vec<u64> = Vec::new();
    while extra.len() >= 4 {
        let (tag, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let field = &extra[4..(4 + length).min(extra.len())];
        if tag == EXTRA_64 {
            found = field.chunks_exact(8).map(|number| u64_at(number, 0)).collect();
        }
        extra = &extra[(4 + length).min(extra.len())..];
    }
    found.into_iter()
}

/// The contents of an entry.
pub fn contents(file: &mut (impl Read + Seek), entry: &Entry) -> Result<Vec<u8>, Reason> {
    let head = read_at(file, entry.place, 30)?;
    if u32_at(&head, 0) != LOCAL {
        return Err(format!("`{}` is not where the directory says", entry.name));
    }
    let start = entry.place + 30 + u64::from(u16_at(&head, 26)) + u64::from(u16_at(&head, 28));
    let packed = read_at(file, start, entry.packed as usize)?;
    let data = if entry.deflated {
        let limit = entry.size as usize;
        miniz_oxide::inflate::decompress_to_vec_with_limit(&packed, limit)
            .map_err(|_| format!("`{}` is damaged: its data does not unpack", entry.name))?
    } else {
        packed
    };
    if data.len() as u64 != entry.size || crc32fast::hash(&data) != entry.checksum {
        return Err(format!("`{}` is damaged: its checksum is another", entry.name));
    }
    Ok(data)
}

/// Writes entries one after the other, as they are.
pub struct Writer<W> {
    file: W,
    place: u64,
    directory: Vec<u8>,
    count: u64,
}

impl<W: Write> Writer<W> {
    pub fn new(file: W) -> Writer<W> {
        Writer { file, place: 0, directory: Vec::new(), count: 0 }
    }

    pub fn entry(&mut self, name: &str, data: &[u8]) -> io::Result<()> {
        let (size, place) = (data.len() as u64, self.place);
        let wide = size >= u64::from(ELSEWHERE) || place >= u64::from(ELSEWHERE);
        let short = |number: u64| if wide { ELSEWHERE } else { number as u32 };
        let mut extra: Vec<u8> = Vec::new();
        if wide {
            extra.extend(EXTRA_64.to_le_bytes());
            extra.extend(24u16.to_le_bytes());
            [size, size, place].iter().for_each(|number| extra.extend(number.to_le_bytes()));
        }
        // Version, names in UTF-8, stored, and the first day that the format knows.
        let mut common: Vec<u8> = Vec::new();
        for word in [if wide { 45u16 } else { 20 }, 1 << 11, 0, 0, 0x21] {
            common.extend(word.to_le_bytes());
        }
        for word in [crc32fast::hash(data), short(size), short(size)] {
            common.extend(word.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend((extra.len() as u16).to_le_bytes());
        let head = [&LOCAL.to_le_bytes()[..], &common, name.as_bytes(), &extra].concat();
        self.file.write_all(&head)?;
        self.file.write_all(data)?;
        self.place += head.len() as u64 + size;
        self.directory.extend(CENTRAL.to_le_bytes());
        self.directory.extend(45u16.to_le_bytes());
        self.directory.extend(&common);
        // Comment, disk and attributes.
        self.directory.extend([0; 10]);
        self.directory.extend(short(place).to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.directory.extend(&extra);
        self.count += 1;
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<()> {
        let (size, place) = (self.directory.len() as u64, self.place);
        self.file.write_all(&self.directory)?;
        let wide = place >= u64::from(ELSEWHERE) || size >= u64::from(ELSEWHERE) || self.count >= u64::from(u16::MAX);
        let mut end: Vec<u8> = Vec::new();
        if wide {
            end.extend(END_64.to_le_bytes());
            end.extend(44u64.to_le_bytes());
            end.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            [self.count, self.count, size, place].iter().for_each(|number| end.extend(number.to_le_bytes()));
            end.extend(LOCATOR_64.to_le_bytes());
            end.extend(0u32.to_le_bytes());
            end.extend((place + size).to_le_bytes());
            end.extend(1u32.to_le_bytes());
        }
        let count = if wide { u16::MAX } else { self.count as u16 };
        end.extend(END.to_le_bytes());
        end.extend([0; 4]);
        end.extend(count.to_le_bytes());
        end.extend(count.to_le_bytes());
        for number in [size, place] {
            end.extend(if wide { ELSEWHERE } else { number as u32 }.to_le_bytes());
        }
        end.extend([0; 2]);
        self.file.write_all(&end)?;
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        parts.iter().for_each(|(name, data)| writer.entry(name, data).unwrap());
        writer.finish().unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Reason> {
        let mut file = Cursor::new(bytes);
        let entries = entries(&mut file)?;
        entries.iter().map(|entry| Ok((entry.name.clone(), contents(&mut file, entry)?))).collect()
    }

    #[test]
    fn what_is_written_reads_back() {
        let bytes = archive(&[("a", b"one"), ("größe", b""), ("c", &[7; 3000])]);
        let parts = read(&bytes).unwrap();
        assert_eq!(parts, [("a".into(), b"one".to_vec()), ("größe".into(), vec![]), ("c".into(), vec![7; 3000])]);
        assert_eq!(read(&archive(&[])).unwrap(), []);
    }

    #[test]
    fn no_prefix_and_no_changed_byte_of_the_data_is_read() {
        let bytes = archive(&[("a", b"some data"), ("b", b"more")]);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "the first {end} bytes");
        }
        let mut changed = bytes.clone();
        changed[32] ^= 1;
        assert!(read(&changed).unwrap_err().contains("checksum"));
    }

    #[test]
    fn what_is_promised_is_compared_with_the_file() {
        let bytes = archive(&[("a", b"some data")]);
        let central = bytes.len() - 22 - 47;
        let mut huge = bytes.clone();
        huge[central + 24..central + 28].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
        assert!(read(&huge).unwrap_err().contains("should have 2147483647 bytes"));
        let mut unknown = bytes.clone();
        unknown[central + 10] = 12;
        assert!(read(&unknown).unwrap_err().contains("method 12"));
        assert!(read(b"hello, this is text and nothing else").unwrap_err().contains("not a zip archive"));
    }
}
