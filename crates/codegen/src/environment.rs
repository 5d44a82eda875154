//! What the compilation of every function looks things up in; shared by all threads.

use crate::Options;
use crate::heat::efforts;
use crate::later::Later;
use crate::target::{Effort, Targets};
use cranelift_codegen::ir::{AbiParam, Signature, Type, types};
use cranelift_codegen::isa::CallConv;
use ir::loops::{FnId, Function, Module, Site, SiteId, Ty, rt};
use std::collections::HashMap;

pub const PTR: Type = types::I64;
/// The type of a status.
pub const STATUS: Type = types::I32;

pub struct Environment<'a> {
    pub functions: &'a [Function],
    pub entry: Option<FnId>,
    pub exports: &'a [FnId],
    pub targets: Targets,
    pub keep_text: bool,
    pub threads: Option<usize>,
    /// The address of what compiles the functions that are seldom called.
    later: Option<i64>,
    seldom: &'a [FnId],
    rows: HashMap<&'static str, RuntimeFunction>,
    /// Addresses of the module's data.
    data: Vec<i64>,
    efforts: Vec<Effort>,
    /// Where each recursive function says that it is too deep.
    depth_sites: HashMap<FnId, SiteId>,
    module_sites: &'a [Site],
}

pub struct RuntimeFunction {
    pub row: &'static rt::Row,
    pub address: i64,
}

impl<'a> Environment<'a> {
    pub fn new(module: &'a Module, options: &Options, later: Option<&Later>) -> Result<Environment<'a>, String> {
        let rows =
            rt::ROWS.iter().map(|row| (row.name, RuntimeFunction { row, address: runtime::address(row.name) as i64 }));
        let recursive = module.functions.iter().zip(0..).filter(|(function, _)| function.recursive);
        let depth_sites =
            recursive.zip(module.sites.len() as u32..).map(|((_, id), site)| (FnId(id), SiteId(site))).collect();
        Ok(Environment {
            functions: &module.functions,
            entry: module.entry,
            exports: &module.exports,
            targets: Targets::new(options)?,
            keep_text: options.keep_text,
            threads: options.threads,
            later: later.map(|later| std::ptr::from_ref(later) as i64),
            seldom: &module.seldom,
            rows: rows.collect(),
            data: module.data.iter().map(|bytes| bytes.as_ptr() as i64).collect(),
            efforts: efforts(module),
            depth_sites,
            module_sites: &module.sites,
        })
    }

    /// The module's sites, and then one for each recursive function.
    pub fn sites(&self) -> Vec<Site> {
        let mut sites = self.module_sites.to_vec();
        let mut deep: Vec<_> = self.depth_sites.iter().collect();
        deep.sort_by_key(|(_, site)| site.0);
        sites.extend(deep.into_iter().map(|(id, _)| Site {
            code: "E0908",
            span: self.functions[id.0 as usize].span,
            names: Vec::new(),
            also: Vec::new(),
        }));
        sites
    }

    pub fn depth_site(&self, id: FnId) -> SiteId {
        self.depth_sites[&id]
    }

    /// The address of what gives the code of a function, if that is not compiled now.
    pub fn later(&self, id: FnId) -> Option<i64> {
        self.later.filter(|_| self.seldom.contains(&id))
    }

    pub fn effort(&self, id: FnId) -> Effort {
        self.efforts[id.0 as usize]
    }

    pub fn data_address(&self, index: u32) -> i64 {
        self.data[index as usize]
    }

    pub fn runtime(&self, name: &str) -> &RuntimeFunction {
        &self.rows[name]
    }

    pub fn call_conv(&self) -> CallConv {
        self.targets.get(Effort::High).default_call_conv()
    }

    /// `(context, parameters…) -> (status, results…)`
    pub fn signature(&self, id: FnId) -> Signature {
        let function = &self.functions[id.0 as usize];
        let mut signature = Signature::new(self.call_conv());
        signature.params.push(AbiParam::new(PTR));
        signature.params.extend(function.params.iter().map(|p| AbiParam::new(machine(function.locals[p.0 as usize]))));
        signature.returns.push(AbiParam::new(STATUS));
        signature.returns.extend(function.results.iter().map(|ty| AbiParam::new(machine(*ty))));
        signature
    }

    /// The C signature of a row: context and site where it takes them, and places for results where it can fail.
    pub fn row_signature(&self, row: &rt::Row) -> Signature {
        let mut signature = Signature::new(self.call_conv());
        if row.context {
            signature.params.push(AbiParam::new(PTR));
        }
        if row.site {
            signature.params.push(AbiParam::new(types::I32));
        }
        signature.params.extend(row.params.iter().map(|ty| AbiParam::new(machine(*ty))));
        if row.fails {
            signature.params.extend(row.results.iter().map(|_| AbiParam::new(PTR)));
            signature.returns.push(AbiParam::new(STATUS));
        } else {
            signature.returns.extend(row.results.iter().map(|ty| AbiParam::new(machine(*ty))));
        }
        signature
    }
}

pub fn machine(ty: Ty) -> Type {
    match ty {
        Ty::I8 => types::I8,
        Ty::I16 => types::I16,
        Ty::I32 => types::I32,
        Ty::I64 => types::I64,
        Ty::F32 => types::F32,
        Ty::F64 => types::F64,
        Ty::Ptr => PTR,
    }
}
