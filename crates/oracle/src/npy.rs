//! The file format of NumPy arrays.

use crate::value::{Tensor, Value, indices};
use ir::Scalar;

const MAGIC: &[u8] = b"\x93NUMPY";

const KINDS: [(&str, Scalar); 9] = [
    ("|b1", Scalar::Bool),
    ("|i1", Scalar::I8),
    ("|u1", Scalar::U8),
    ("<i4", Scalar::I32),
    ("<i8", Scalar::I64),
    ("<f2", Scalar::F16),
    ("<f4", Scalar::F32),
    ("<f8", Scalar::F64),
    ("<V2", Scalar::BF16),
];

pub fn parse(bytes: &[u8]) -> Result<(Scalar, Tensor), String> {
    let malformed = || "is not a NumPy file".to_owned();
    let version = *bytes.strip_prefix(MAGIC).and_then(<[u8]>::first).ok_or_else(malformed)?;
    let (start, length) = match version {
        1 => (10, bytes.get(8..10).map(|b| u64::from(b[0]) | u64::from(b[1]) << 8)),
        _ => (12, bytes.get(8..12).map(|b| b.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))),
    };
    let length = length.ok_or_else(malformed)? as usize;
    let header = bytes.get(start..).and_then(|rest| rest.get(..length)).ok_or_else(malformed)?;
    let header = std::str::from_utf8(header).map_err(|_| malformed())?;
    let field = |name: &str| header.split_once(&format!("'{name}':")).map(|(_, rest)| rest.trim_start());
    let kind = field("descr").and_then(|rest| rest.split('\'').nth(1)).ok_or_else(malformed)?;
    let scalar = KINDS.iter().find(|(name, _)| name.get(1..) == kind.get(1..)).map(|(_, scalar)| *scalar);
    let scalar = scalar.filter(|_| !kind.starts_with('>')).ok_or_else(|| format!("has elements of kind `{kind}`"))?;
    let extents = field("shape").and_then(|rest| rest.split(['(', ')']).nth(1)).ok_or_else(malformed)?;
    let shape: Result<Vec<usize>, String> = extents
        .split(',')
        .map(str::trim)
        .filter(|extent| !extent.is_empty())
        .map(|extent| extent.parse().map_err(|_| malformed()))
        .collect();
    let shape = shape?;
    let data = &bytes[start + length..];
    let count = shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent)).ok_or_else(malformed)?;
    let cells: Vec<Value> = data.chunks_exact(scalar.size()).take(count).map(|raw| decode(scalar, raw)).collect();
    if cells.len() < count {
        return Err("ends before its data does".to_owned());
    }
    if field("fortran_order").is_some_and(|rest| rest.starts_with("True")) {
        let reordered = indices(&shape)
            .map(|index| {
                let flat = index.iter().zip(&shape).rev().fold(0, |flat, (&k, &extent)| flat * extent + k as usize);
                cells[flat].clone()
            })
            .collect();
        return Ok((scalar, Tensor { shape, cells: reordered }));
    }
    Ok((scalar, Tensor { shape, cells }))
}

fn decode(scalar: Scalar, raw: &[u8]) -> Value {
    let bits = raw.iter().rev().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
    match scalar {
        Scalar::Bool => Value::Bool(bits != 0),
        Scalar::F64 => Value::Float(f64::from_bits(bits)),
        Scalar::F32 => Value::Float(f64::from(f32::from_bits(bits as u32))),
        Scalar::BF16 => Value::Float(f64::from(f32::from_bits((bits as u32) << 16))),
        Scalar::F16 => {
            let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
            let fraction = (bits & 0x3ff) as f64 / 1024.0;
            Value::Float(match bits >> 10 & 0x1f {
                0 => sign * fraction * 2f64.powi(-14),
                31 if fraction == 0.0 => sign * f64::INFINITY,
                31 => f64::NAN,
                exponent => sign * (1.0 + fraction) * 2f64.powi(exponent as i32 - 15),
            })
        }
        _ => Value::Int(crate::scalar::wrap(scalar, i128::from(bits))),
    }
}

pub fn write(scalar: Scalar, tensor: &Tensor) -> Vec<u8> {
    // What has 16 bits is written wider: no value is lost.
    let scalar = if scalar.size() == 2 { Scalar::F32 } else { scalar };
    let kind = KINDS.iter().find(|(_, other)| *other == scalar).map_or("<f8", |(name, _)| name);
    let extents: String = tensor.shape.iter().map(|extent| format!("{extent},")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({extents}), }}");
    let before = MAGIC.len() + 4;
    let padded = (before + header.len() + 1).next_multiple_of(64);
    header.push_str(&" ".repeat(padded - before - header.len() - 1));
    header.push('\n');
    let mut bytes = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
    for cell in &tensor.cells {
        match cell {
            Value::Float(x) if scalar == Scalar::F32 => bytes.extend((*x as f32).to_le_bytes()),
            Value::Float(x) => bytes.extend(x.to_le_bytes()),
            other => bytes.extend(&crate::scalar::as_int(other).to_le_bytes()[..scalar.size()]),
        }
    }
    bytes
}
