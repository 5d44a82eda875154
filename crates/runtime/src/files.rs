//! Rows of the runtime table that reach outside: standard output and files.
#![allow(clippy::missing_safety_doc)]

use crate::cell::Cell;
use crate::context::Context;
use crate::errors::{FINE, Problem};
use crate::layout::Element;
use crate::npy;
use crate::object::{self, Dyn, Str, Tensor};
use crate::objects::{fits, type_text};
use ir::Scalar;
use ir::loops::rt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};

pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_string(),
        io::ErrorKind::PermissionDenied => "permission denied".to_string(),
        io::ErrorKind::IsADirectory => "is a folder".to_string(),
        io::ErrorKind::InvalidData => "not valid UTF-8".to_string(),
        io::ErrorKind::UnexpectedEof => "the file is cut short".to_string(),
        io::ErrorKind::OutOfMemory => "more than fits into memory".to_string(),
        _ => error.to_string(),
    }
}

unsafe fn file_problem<'a>(path: *const Str) -> impl Fn(String) -> Problem + 'a {
    let path = unsafe { object::text(path) };
    move |reason| Problem::File { path: path.to_string(), reason }
}

pub unsafe extern "C" fn print_line(context: &mut Context, site: u32, text: *const Str) -> i32 {
    let text = unsafe { object::text(text) };
    match context.write_line(text) {
        Ok(()) => FINE,
        Err(error) => context.fail(site, Problem::File { path: "standard output".to_string(), reason: reason(&error) }),
    }
}

pub unsafe extern "C" fn load_npy(context: &mut Context, site: u32, path: *const Str, out: *mut *mut Dyn) -> i32 {
    unsafe {
        let result = loaded(context, path);
        context.answer(site, result, out)
    }
}

unsafe fn loaded(context: &mut Context, path: *const Str) -> Result<*mut Dyn, Problem> {
    unsafe {
        let problem = file_problem(path);
        let file = File::open(context.resolve(object::text(path))).map_err(|e| problem(reason(&e)))?;
        let bytes = file.metadata().map_err(|e| problem(reason(&e)))?.len();
        let mut reader = BufReader::new(file);
        let header = npy::read_header(&mut reader, bytes).map_err(|e| problem(e.reason()))?;
        // The header claims no more than the file has, so this much may be asked for.
        let tensor = context.new_tensor(Element::Scalar(header.element), &header.extents)?;
        let data = std::slice::from_raw_parts_mut((*tensor).data, header.bytes());
        let read = npy::read_data(&mut reader, &header, data).map_err(|e| problem(e.reason()));
        match read.and_then(|()| Ok(context.new_dyn(tensor)?)) {
            Ok(object) => Ok(object),
            Err(problem) => {
                context.release(tensor);
                Err(problem)
            }
        }
    }
}

pub unsafe extern "C" fn dyn_of(context: &mut Context, site: u32, tensor: *mut Tensor, out: *mut *mut Dyn) -> i32 {
    unsafe {
        let object = context.new_dyn(tensor).inspect(|_| object::retain(tensor));
        context.answer(site, object, out)
    }
}

pub unsafe extern "C" fn dyn_settle(
    context: &mut Context,
    site: u32,
    object: *mut Dyn,
    code: i32,
    rank: i32,
    wanted: *const i64,
    out: *mut *mut Tensor,
) -> i32 {
    unsafe {
        let wanted = if rank == 0 { &[] } else { std::slice::from_raw_parts(wanted, rank as usize) };
        let scalar = rt::scalar_of_code(code).expect("a cast names a scalar type");
        let result = settled(context, (*object).tensor, scalar, wanted);
        context.answer(site, result, out)
    }
}

/// The tensor under its type; elements of another type are cast.
pub(crate) unsafe fn settled(
    context: &mut Context,
    tensor: *mut Tensor,
    scalar: Scalar,
    wanted: &[i64],
) -> Result<*mut Tensor, Problem> {
    unsafe {
        let (element, extents) = (object::element(tensor), object::extents(tensor));
        let loaded = match element {
            Element::Scalar(loaded) if fits(extents, wanted) => loaded,
            _ => {
                let wanted = type_text(Element::Scalar(scalar), wanted);
                return Err(Problem::Shape { found: type_text(element, extents), wanted });
            }
        };
        if loaded == scalar {
            object::retain(tensor);
            return Ok(tensor);
        }
        let cast = context.new_tensor(Element::Scalar(scalar), extents)?;
        for place in 0..object::cells(tensor) {
            let cell = Cell::load(loaded, (*tensor).data.add(place * loaded.size()));
            cell.store(scalar, (*cast).data.add(place * scalar.size()));
        }
        Ok(cast)
    }
}

pub unsafe extern "C" fn dyn_rank(object: *const Dyn) -> i64 {
    unsafe { object::extents((*object).tensor).len() as i64 }
}

/// The shape as the language's `[i32; ?]`.
pub unsafe extern "C" fn dyn_shape(context: &mut Context, site: u32, object: *const Dyn, out: *mut *mut Tensor) -> i32 {
    unsafe {
        let extents = object::extents((*object).tensor);
        let shape = context.new_tensor(Element::Scalar(Scalar::I32), &[extents.len() as i64]).inspect(|shape| {
            for (axis, extent) in extents.iter().enumerate() {
                Cell::Int(*extent).store(Scalar::I32, (**shape).data.add(4 * axis));
            }
        });
        context.answer(site, shape, out)
    }
}

pub unsafe extern "C" fn save_npy(context: &mut Context, site: u32, path: *const Str, tensor: *const Tensor) -> i32 {
    unsafe {
        let result = saved(context, path, tensor);
        context.answer(site, result, &mut ())
    }
}

unsafe fn saved(context: &Context, path: *const Str, tensor: *const Tensor) -> Result<(), Problem> {
    unsafe {
        let problem = file_problem(path);
        let Element::Scalar(scalar) = object::element(tensor) else {
            return Err(problem("a tensor of strings has no form in an npy file".to_string()));
        };
        let data = std::slice::from_raw_parts((*tensor).data, object::cells(tensor) * scalar.size());
        let write = || {
            let mut file = BufWriter::new(File::create(context.resolve(object::text(path)))?);
            npy::write(&mut file, scalar, object::extents(tensor), data)?;
            file.flush()
        };
        write().map_err(|e| problem(reason(&e)))
    }
}

pub unsafe extern "C" fn read_text(context: &mut Context, site: u32, path: *const Str, out: *mut *mut Str) -> i32 {
    unsafe {
        let problem = file_problem(path);
        let read = || {
            let mut text = String::new();
            File::open(context.resolve(object::text(path)))?.read_to_string(&mut text)?;
            Ok(text)
        };
        let text = read().map_err(|e: io::Error| problem(reason(&e)));
        let string = text.and_then(|text| Ok(context.new_string(&text)?));
        context.answer(site, string, out)
    }
}

pub unsafe extern "C" fn write_text(context: &mut Context, site: u32, path: *const Str, text: *const Str) -> i32 {
    unsafe {
        let written = std::fs::write(context.resolve(object::text(path)), object::text(text));
        let problem = file_problem(path);
        context.answer(site, written.map_err(|e| problem(reason(&e))), &mut ())
    }
}
