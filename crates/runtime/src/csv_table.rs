//! Tables of numbers and texts as comma-separated values.

use crate::cell::Cell;
use csv::{ByteRecord, ReaderBuilder, Trim, WriterBuilder};
use ir::Scalar;
use std::io::{Read, Write};

/// A table as texts; the first row may be a header.
pub struct Table {
    pub rows: Vec<Vec<String>>,
    /// Where each row begins.
    lines: Vec<u64>,
}

/// Numbers of one type, row by row.
#[derive(Debug, PartialEq)]
pub struct Numbers {
    pub element: Scalar,
    pub rows: i64,
    pub columns: i64,
    pub cells: Vec<Cell>,
}

pub fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [one] if *one != b'"' && *one != b'\n' && *one != b'\r' => Ok(*one),
        _ => Err(format!("a delimiter is one character of ASCII, and not `{text}`")),
    }
}

impl Table {
    pub fn read(file: impl Read, delimiter: u8) -> Result<Table, String> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .trim(Trim::None)
            .from_reader(file);
        let (mut rows, mut lines) = (Vec::new(), Vec::new());
        let mut record = ByteRecord::new();
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    return Err(match error.into_kind() {
                        csv::ErrorKind::Io(error) => crate::files::reason(&error),
                        other => format!("{other:?}"),
                    });
                }
            }
            let line = record.position().map_or(0, |position| position.line());
            let row: Result<Vec<String>, _> = record.iter().map(|field| String::from_utf8(field.to_vec())).collect();
            rows.push(row.map_err(|_| format!("line {line} is not valid UTF-8"))?);
            lines.push(line);
        }
        if let Some(first) = rows.first_mut().and_then(|row| row.first_mut())
            && let Some(rest) = first.strip_prefix('\u{feff}')
        {
            *first = rest.to_string();
        }
        Ok(Table { rows, lines })
    }

    /// The first row is one if no field of it is a number.
    fn has_header(&self) -> bool {
        self.rows.first().is_some_and(|row| row.iter().all(|field| number(field).is_none()))
    }

    pub fn header(&self) -> Option<&[String]> {
        self.has_header().then(|| self.rows[0].as_slice())
    }

    /// All numbers below the header.
    pub fn numbers(&self) -> Result<Numbers, String> {
        let columns = self.rows.first().map_or(0, Vec::len);
        self.columns(&(0..columns).collect::<Vec<_>>())
    }

    pub fn column(&self, name: &str) -> Result<Numbers, String> {
        let Some(header) = self.header() else {
            return Err(format!("no column `{name}`: the first row has numbers, so it is no header"));
        };
        match header.iter().position(|field| field.trim() == name) {
            Some(column) => self.columns(&[column]),
            None => Err(format!("no column `{name}`: there are {}", listed(header))),
        }
    }

    fn columns(&self, columns: &[usize]) -> Result<Numbers, String> {
        let first = usize::from(self.has_header());
        let width = self.rows.first().map_or(0, Vec::len);
        let mut cells = Vec::new();
        for (row, line) in self.rows.iter().zip(&self.lines).skip(first) {
            if row.len() != width {
                return Err(format!("line {line} has {} fields, and the first one {width}", row.len()));
            }
            for column in columns {
                let field = &row[*column];
                match number(field) {
                    Some(cell) => cells.push(cell),
                    None => {
                        let name = match self.header() {
                            Some(header) => format!("`{}`", header[*column].trim()),
                            None => (column + 1).to_string(),
                        };
                        return Err(format!("line {line}, column {name}: `{field}` is not a number"));
                    }
                }
            }
        }
        let whole = !cells.is_empty() && cells.iter().all(|cell| matches!(cell, Cell::Int(_)));
        let element = if whole { Scalar::I64 } else { Scalar::F64 };
        let rows = (self.rows.len() - first) as i64;
        Ok(Numbers { element, rows, columns: columns.len() as i64, cells })
    }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{}`", name.trim())).collect::<Vec<_>>().join(", ")
}

fn number(field: &str) -> Option<Cell> {
    let field = field.trim();
    if let Ok(value) = field.parse() {
        return Some(Cell::Int(value));
    }
    field.parse().ok().map(Cell::F64)
}

/// Rows of cells, below a header if there is one.
pub fn write(file: impl Write, header: Option<&[&str]>, rows: impl Iterator<Item = Vec<String>>) -> Result<(), String> {
    let mut writer = WriterBuilder::new().from_writer(file);
    let reason = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => crate::files::reason(&error),
        other => format!("{other:?}"),
    };
    if let Some(header) = header {
        writer.write_record(header).map_err(reason)?;
    }
    for row in rows {
        writer.write_record(row).map_err(reason)?;
    }
    writer.flush().map_err(|error| crate::files::reason(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        Table::read(text.as_bytes(), b',').unwrap()
    }

    #[test]
    fn headers_quotes_and_line_ends() {
        let read = table("\u{feff}a,\"b, c\"\r\n1,2\r\n3,\"4\"\n");
        assert_eq!(read.header().unwrap(), ["a", "b, c"]);
        let numbers = read.numbers().unwrap();
        assert_eq!((numbers.element, numbers.rows, numbers.columns), (Scalar::I64, 2, 2));
        assert_eq!(numbers.cells, [1, 2, 3, 4].map(Cell::Int));
        assert_eq!(read.column("b, c").unwrap().cells, [2, 4].map(Cell::Int));
        assert_eq!(read.column("d").unwrap_err(), "no column `d`: there are `a`, `b, c`");
    }

    #[test]
    fn numbers_are_of_one_type() {
        let numbers = table("1,2.5\n-3e2,nan\n").numbers().unwrap();
        assert_eq!((numbers.element, numbers.rows), (Scalar::F64, 2));
        assert_eq!(numbers.cells[2], Cell::F64(-300.0));
        assert_eq!(table("").numbers().unwrap().rows, 0);
        assert_eq!(table("x,y\n").numbers().unwrap().columns, 2);
    }

    #[test]
    fn what_is_no_number_is_named_with_its_place() {
        let reason = |text: &str| table(text).numbers().unwrap_err();
        assert_eq!(reason("a,b\n1,2\n3,\n"), "line 3, column `b`: `` is not a number");
        assert_eq!(reason("1,2\n3,x\n"), "line 2, column 2: `x` is not a number");
        assert_eq!(reason("1,2\n3\n"), "line 2 has 1 fields, and the first one 2");
        assert_eq!(Table::read(&b"a,\xff\n"[..], b',').err().unwrap(), "line 1 is not valid UTF-8");
        assert!(delimiter(";;").is_err() && delimiter("\t") == Ok(b'\t'));
    }
}
