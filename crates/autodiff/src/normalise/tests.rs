use super::{is_normal, normalise};
use diagnostics::{FileId, SourceMap};
use ir::*;
use std::collections::HashSet;
use std::rc::Rc;

/// No modules but the standard ones that the tests name.
struct Nowhere;

impl checker::modules::Loader for Nowhere {
    fn load(&mut self, _: &str) -> Result<Option<(FileId, Rc<str>)>, String> {
        Ok(None)
    }

    fn std(&mut self, _: &str) -> Option<(FileId, Rc<str>)> {
        None
    }
}
#[test]
fn conformance_scratch() {
    let run = || {
        let list = std::env::var("EIN").unwrap();
        for file in list.split_whitespace() {
            let text = std::fs::read_to_string(file).unwrap();
            let r = std::panic::catch_unwind(|| scratch(file, &text));
            match r {
                Ok(Ok(s)) => println!("OK   {file} {s}"),
                Ok(Err(e)) => println!("FAIL {file}: {e}"),
                Err(_) => println!("PANIC {file}"),
            }
        }
    };
    std::thread::Builder::new().stack_size(1 << 30).spawn(run).unwrap().join().unwrap();
}

struct L<'a>(&'a mut SourceMap, std::path::PathBuf);
impl checker::modules::Loader for L<'_> {
    fn load(&mut self, path: &str) -> Result<Option<(FileId, Rc<str>)>, String> {
        let p = self.1.join(path);
        match std::fs::read_to_string(&p) {
            Ok(t) => { let id = self.0.add(path, t.clone()); Ok(Some((id, t.into()))) }
            Err(_) => Ok(None),
        }
    }
    fn std(&mut self, path: &str) -> Option<(FileId, Rc<str>)> {
        let p = format!("/work/main/stdlib/{}.ein", path.replace("::", "/"));
        let t = std::fs::read_to_string(&p).ok()?;
        let id = self.0.add(path, t.clone());
        Some((id, t.into()))
    }
}

fn scratch(file: &str, text: &str) -> Result<String, String> {
    let mut sources = SourceMap::default();
    let id = sources.add(file, text.to_owned());
    let (ast, mut diags) = syntax::parse(id, text);
    let folder = std::path::Path::new(file).parent().unwrap().to_path_buf();
    let modules = { let mut l = L(&mut sources, folder.clone()); checker::modules::load(id, ast, &mut l, &mut diags) };
    let checked = checker::check(&modules, &sources, false);
    diags.extend(checked.diagnostics);
    if diags.iter().any(|d| d.is_error()) { return Ok("skipped (errors)".into()); }
    let mut program = checked.program;
    let main = program.main.unwrap();
    let ExprKind::Block(stmts, value) = program.funcs[main.index()].body.kind.clone() else { return Ok("no block".into()) };
    // drop quotients and what depends on them
    let mut dropped: HashSet<VarId> = HashSet::new();
    let mut kept = Vec::new();
    for s in stmts {
        let mut bad = false;
        s.for_each_child(|c| {
            c.walk(&mut |e| if let ExprKind::Quotient(_) | ExprKind::Tangent(..) = e.kind { bad = true });
            if visit::free_vars(c).iter().any(|v| dropped.contains(v)) { bad = true }
        });
        if bad {
            match &s { Stmt::Let(v, _) => { dropped.insert(*v); } Stmt::Rec(r) => dropped.extend(r.families.iter().map(|f| f.0)), _ => {} }
        } else { kept.push(s) }
    }
    let ty = value.ty.clone();
    let set = |p: &mut Program, s: Vec<Stmt>| p.funcs[main.index()].body.kind = ExprKind::Block(s, value.clone());
    let _ = ty;
    set(&mut program, kept.clone());
    ir::verify(&program, true).map_err(|e| format!("before: {e}"))?;
    let mut before = String::new();
    let r1 = oracle::run(&program, &mut before, Some(&folder)).map_err(|f| f.code);
    let wanted: HashSet<VarId> = kept.iter().flat_map(|s| match s { Stmt::Let(v, _) => vec![*v], Stmt::Rec(r) => r.families.iter().map(|f| f.0).collect(), _ => vec![] })
        .filter(|v| numeric(&program, &program.vars[v.index()].ty)).collect();
    let changed = normalise(&mut program, kept, &wanted);
    let left: Vec<String> = changed.iter().filter_map(|s| { let on = match s { Stmt::Let(v, _) => wanted.contains(v), Stmt::Rec(_) => true, _ => false };
        if on { is_normal(s).err().map(|e| format!("{}: {e}", name(&program, s))) } else { None } }).collect();
    set(&mut program, changed);
    if std::env::var("IR").is_ok() { println!("{program}"); }
    ir::verify(&program, true).map_err(|e| format!("after: {e}"))?;
    let mut after = String::new();
    let r2 = oracle::run(&program, &mut after, Some(&folder)).map_err(|f| format!("{} {}", f.code, f.message));
    if before != after { return Err(format!("differ {r2:?}\n{before}\n{after}")); }
    if r1.is_ok() != r2.is_ok() { return Err(format!("{r1:?} {r2:?}")); }
    Ok(if left.is_empty() { String::new() } else { format!("NOT NORMAL {left:?}") })
}
fn name(p: &Program, s: &Stmt) -> String {
    match s { Stmt::Let(v, _) => p.vars[v.index()].name.to_string(), Stmt::Rec(r) => r.families.iter().map(|f| p.vars[f.0.index()].name.to_string()).collect::<Vec<_>>().join(","), _ => String::new() }
}
fn numeric(p: &Program, ty: &Type) -> bool {
    match ty {
        Type::Scalar(_) => true,
        Type::Tensor(e, _) => e.scalar().is_some(),
        Type::Tuple(i) => i.iter().all(|t| numeric(p, t)),
        Type::Struct(id) => p.structs[id.index()].fields.iter().all(|f| numeric(p, &f.1)),
        Type::Enum(id) => p.enums[id.index()].variants.iter().all(|v| v.fields.iter().all(|t| numeric(p, t))),
        _ => false,
    }
}
