//! Loops as pseudo-code, for `emit --stage loops`.

use crate::loops::{Bin, Cmp, Convert, Ex, FnId, Function, LayoutId, Local, Module, SiteId, St, Turns, Ty, Un};
use std::fmt::{self, Display, Formatter, Write};

impl Display for Ty {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(match self {
            Ty::I8 => "i8",
            Ty::I16 => "i16",
            Ty::I32 => "i32",
            Ty::I64 => "i64",
            Ty::F32 => "f32",
            Ty::F64 => "f64",
            Ty::Ptr => "ptr",
        })
    }
}

impl Display for Local {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

impl Display for SiteId {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "site{}", self.0)
    }
}

impl Display for LayoutId {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "layout{}", self.0)
    }
}

impl Display for Module {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        for (id, layout) in self.layouts.iter().enumerate() {
            writeln!(f, "{} = {layout:?}", LayoutId(id as u32))?;
        }
        for (id, site) in self.sites.iter().enumerate() {
            writeln!(f, "{} = {} {:?}", SiteId(id as u32), site.code, site.names)?;
        }
        for (id, bytes) in self.data.iter().enumerate() {
            writeln!(f, "data{id} = {} bytes", bytes.len())?;
        }
        for (id, function) in self.functions.iter().enumerate() {
            let entry = if self.entry == Some(FnId(id as u32)) { "entry " } else { "" };
            let mut text = String::new();
            Printer { module: self, function, out: &mut text, depth: 0 }.function(entry);
            writeln!(f)?;
            f.write_str(&text)?;
        }
        Ok(())
    }
}

struct Printer<'a> {
    module: &'a Module,
    function: &'a Function,
    out: &'a mut String,
    depth: usize,
}

impl Printer<'_> {
    fn function(&mut self, entry: &str) {
        let function = self.function;
        self.out.push_str(entry);
        if function.recursive {
            self.out.push_str("recursive ");
        }
        let _ = write!(self.out, "fn {}(", function.name);
        for (place, param) in function.params.iter().enumerate() {
            self.separate(place);
            self.declaration(*param);
        }
        self.out.push(')');
        if !function.results.is_empty() {
            self.out.push_str(" -> ");
            for (place, ty) in function.results.iter().enumerate() {
                self.separate(place);
                let _ = write!(self.out, "{ty}");
            }
        }
        self.out.push_str(" {\n");
        self.block(&function.body);
        self.out.push_str("}\n");
    }

    fn separate(&mut self, place: usize) {
        if place > 0 {
            self.out.push_str(", ");
        }
    }

    /// The source's name with the number, which makes it unique.
    fn local(&mut self, local: Local) {
        let name = self.function.names.get(local.0 as usize).map_or("", String::as_str);
        let _ = write!(self.out, "{name}{local}");
    }

    fn locals(&mut self, locals: &[Local]) {
        for (place, local) in locals.iter().enumerate() {
            self.separate(place);
            self.local(*local);
        }
    }

    fn declaration(&mut self, local: Local) {
        self.local(local);
        let _ = write!(self.out, ": {}", self.function.locals[local.0 as usize]);
    }

    fn block(&mut self, statements: &[St]) {
        self.depth += 1;
        for statement in statements {
            self.indent();
            self.statement(statement);
            self.out.push('\n');
        }
        self.depth -= 1;
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }

    fn braced(&mut self, statements: &[St]) {
        self.out.push_str(" {\n");
        self.block(statements);
        self.indent();
        self.out.push('}');
    }

    fn statement(&mut self, statement: &St) {
        match statement {
            St::Let(local, value) => {
                self.out.push_str("let ");
                self.declaration(*local);
                self.out.push_str(" = ");
                self.value(value);
            }
            St::Set(local, value) => {
                self.local(*local);
                self.out.push_str(" = ");
                self.value(value);
            }
            St::Store(ty, base, index, value) => {
                self.element(*ty, base, index);
                self.out.push_str(" = ");
                self.value(value);
            }
            St::If(condition, then, otherwise) => {
                self.out.push_str("if ");
                self.value(condition);
                self.braced(then);
                if !otherwise.is_empty() {
                    self.out.push_str(" else");
                    self.braced(otherwise);
                }
            }
            St::For { var, lo, hi, turns, body } => {
                self.out.push_str("for ");
                self.local(*var);
                self.out.push_str(" in ");
                self.value(lo);
                self.out.push_str("..");
                self.value(hi);
                self.out.push_str(match turns {
                    Turns::Up => "",
                    Turns::Down => " descending",
                    Turns::Free => " in any order",
                });
                self.braced(body);
            }
            St::Spread { turns, .. } => {
                self.out.push_str("on any thread ");
                self.statement(turns);
            }
            St::Loop(body) => {
                self.out.push_str("loop");
                self.braced(body);
            }
            St::Break => self.out.push_str("break"),
            St::Call { func, args, results } => {
                let module = self.module;
                let name = module.functions.get(func.0 as usize).map_or("?", |function| &function.name);
                self.call(name, args, results, None);
            }
            St::Rt { name, args, results, site } => self.call(name, args, results, *site),
            St::Fail { site, args } => self.call("fail", args, &[], Some(*site)),
            St::Own(local) => self.counting("own", *local),
            St::Release(local) => self.counting("release", *local),
            St::Disown(local) => self.counting("disown", *local),
            St::Retain(object) => {
                self.out.push_str("retain ");
                self.value(object);
            }
            St::Try { body, message, handler } => {
                self.out.push_str("try");
                self.braced(body);
                self.out.push_str(" catch ");
                self.local(*message);
                self.braced(handler);
            }
            St::Return(results) => {
                self.out.push_str("return ");
                self.values(results);
            }
        }
    }

    fn counting(&mut self, verb: &str, local: Local) {
        let _ = write!(self.out, "{verb} ");
        self.local(local);
    }

    fn call(&mut self, name: &str, args: &[Ex], results: &[Local], site: Option<SiteId>) {
        if !results.is_empty() {
            self.locals(results);
            self.out.push_str(" = ");
        }
        let _ = write!(self.out, "{name}(");
        self.values(args);
        self.out.push(')');
        if let Some(site) = site {
            let _ = write!(self.out, " at {site}");
        }
    }

    fn values(&mut self, values: &[Ex]) {
        for (place, value) in values.iter().enumerate() {
            self.separate(place);
            self.value(value);
        }
    }

    fn element(&mut self, ty: Ty, base: &Ex, index: &Ex) {
        self.value(base);
        let _ = write!(self.out, ".{ty}[");
        self.value(index);
        self.out.push(']');
    }

    fn infix(&mut self, a: &Ex, operator: &str, b: &Ex) {
        self.out.push('(');
        self.value(a);
        let _ = write!(self.out, " {operator} ");
        self.value(b);
        self.out.push(')');
    }

    fn applied(&mut self, function: &str, a: &Ex) {
        let _ = write!(self.out, "{function}(");
        self.value(a);
        self.out.push(')');
    }

    fn value(&mut self, value: &Ex) {
        match value {
            Ex::Int(ty, value) => drop(write!(self.out, "{value}{ty}")),
            Ex::F32(value) => drop(write!(self.out, "{value:?}f32")),
            Ex::F64(value) => drop(write!(self.out, "{value:?}f64")),
            Ex::Data(index) => drop(write!(self.out, "data{index}")),
            Ex::Func(func) => {
                let module = self.module;
                let name = module.functions.get(func.0 as usize).map_or("?", |function| &function.name);
                self.out.push_str(&format!("`{name}`"));
            }
            Ex::Scratch(byte) => drop(write!(self.out, "scratch{byte}")),
            Ex::Local(local) => self.local(*local),
            Ex::Bin(bin, a, b) => self.infix(a, bin_text(*bin), b),
            Ex::Un(un, a) => self.applied(un_text(*un), a),
            Ex::Cmp(cmp, a, b) => self.infix(a, cmp_text(*cmp), b),
            Ex::Convert(convert, a) => self.applied(&convert_text(*convert), a),
            Ex::Select(condition, a, b) => {
                self.out.push_str("select(");
                for (place, part) in [condition, a, b].into_iter().enumerate() {
                    self.separate(place);
                    self.value(part);
                }
                self.out.push(')');
            }
            Ex::Load(ty, base, index) => self.element(*ty, base, index),
            Ex::Data0(tensor) => {
                self.value(tensor);
                self.out.push_str(".data");
            }
            Ex::Dim(tensor, axis) => {
                self.value(tensor);
                let _ = write!(self.out, ".extent{axis}");
            }
            Ex::Math(name, _, arguments) => {
                let _ = write!(self.out, "{name}(");
                self.values(arguments);
                self.out.push(')');
            }
        }
    }
}

fn bin_text(bin: Bin) -> &'static str {
    match bin {
        Bin::Add => "+",
        Bin::Sub => "-",
        Bin::Mul => "*",
        Bin::FDiv | Bin::SDiv => "/",
        Bin::UDiv => "/u",
        Bin::SRem => "%",
        Bin::URem => "%u",
        Bin::And => "&",
        Bin::Or => "|",
        Bin::Xor => "^",
        Bin::Shl => "<<",
        Bin::SMin | Bin::FMin => "min",
        Bin::SMax | Bin::FMax => "max",
        Bin::UMin => "min_u",
        Bin::UMax => "max_u",
    }
}

fn un_text(un: Un) -> &'static str {
    match un {
        Un::Neg => "-",
        Un::Not => "!",
        Un::Abs => "abs",
        Un::Sqrt => "sqrt",
        Un::Floor => "floor",
        Un::Ceil => "ceil",
        Un::Trunc => "trunc",
    }
}

fn cmp_text(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Eq => "==",
        Cmp::Ne => "!=",
        Cmp::SLt => "<",
        Cmp::SLe => "<=",
        Cmp::SGt => ">",
        Cmp::SGe => ">=",
        Cmp::ULt => "<u",
        Cmp::ULe => "<=u",
        Cmp::UGt => ">u",
        Cmp::UGe => ">=u",
    }
}

fn convert_text(convert: Convert) -> String {
    let (name, ty) = match convert {
        Convert::Sext(ty) => ("extend", ty),
        Convert::Zext(ty) => ("extend_u", ty),
        Convert::Trunc(ty) => ("narrow", ty),
        Convert::SintToFloat(ty) | Convert::Float(ty) => ("to", ty),
        Convert::UintToFloat(ty) => ("to_from_u", ty),
        Convert::FloatToSint(ty) => ("to", ty),
        Convert::FloatToUint(ty) => ("to_u", ty),
        Convert::Bits(ty) => ("bits", ty),
        Convert::ToF16 => return "to_f16".to_string(),
        Convert::FromF16 => return "from_f16".to_string(),
        Convert::ToBF16 => return "to_bf16".to_string(),
        Convert::FromBF16 => return "from_bf16".to_string(),
    };
    format!("{name}_{ty}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn a_module_reads_like_a_program() {
        let local = |n| Box::new(Ex::Local(Local(n)));
        let body = vec![
            St::Let(Local(1), Ex::Data0(local(0))),
            St::Let(Local(3), Ex::F32(0.0)),
            St::For {
                var: Local(2),
                lo: Ex::Int(Ty::I64, 0),
                hi: Ex::Dim(local(0), 0),
                turns: Turns::Up,
                body: vec![St::Set(
                    Local(3),
                    Ex::Bin(Bin::Add, local(3), Box::new(Ex::Load(Ty::F32, local(1), local(2)))),
                )],
            },
            St::If(
                Ex::Cmp(Cmp::SLt, local(3), Box::new(Ex::F32(0.0))),
                vec![St::Fail { site: SiteId(0), args: vec![] }],
                vec![],
            ),
            St::Return(vec![*local(3)]),
        ];
        let function = Function {
            name: "total".to_string(),
            params: vec![Local(0)],
            results: vec![Ty::F32],
            locals: vec![Ty::Ptr, Ty::Ptr, Ty::I64, Ty::F32],
            names: ["x", "", "i", "sum"].map(String::from).to_vec(),
            scratch: 0,
            body,
            recursive: true,
            span: Default::default(),
        };
        let module = Module { functions: vec![function], data: vec![Rc::from([1, 2])], ..Module::default() };
        let text = "\
data0 = 2 bytes

recursive fn total(x%0: ptr) -> f32 {
  let %1: ptr = x%0.data
  let sum%3: f32 = 0.0f32
  for i%2 in 0i64..x%0.extent0 {
    sum%3 = (sum%3 + %1.f32[i%2])
  }
  if (sum%3 < 0.0f32) {
    fail() at site0
  }
  return sum%3
}
";
        assert_eq!(module.to_string(), text);
    }
}
