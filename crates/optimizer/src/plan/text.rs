//! Strings: literals, printing, interpolation.

use super::function::Lower;
use super::value::Value;
use diagnostics::Span;
use ir::loops::{Ex, Local, Ty};
use ir::{Expr, Format, Piece, Type};

impl Lower<'_, '_> {
    pub fn text_literal(&mut self, text: &str, span: Span) -> Value {
        let data = Ex::Data(self.shared.data(text.as_bytes().to_vec()));
        let length = Ex::Int(Ty::I64, text.len() as i64);
        Value::one(self.make("str_from", vec![data, length], span))
    }

    /// A value as `print` writes it at top level.
    pub fn text_of(&mut self, value: Value, ty: &Type, span: Span) -> Local {
        if *ty == Type::Str {
            return value.parts[0].local().expect("a string is in a local");
        }
        let words = self.spill(&value.parts, 0);
        let layout = self.layout_arg(ty);
        self.make("value_text", vec![layout, words], span).local().expect("an object")
    }

    fn formatted(&mut self, value: Value, ty: &Type, format: &Format, span: Span) -> Local {
        let words = self.spill(&value.parts, 0);
        let layout = self.layout_arg(ty);
        let flags = i32::from(format.plus) | i32::from(format.zero) << 1;
        let code = |c: Option<char>| c.map_or(0, |c| c as i32);
        let precision = format.precision.map_or(-1, |p| p as i32);
        let row = [format.fill as i32, code(format.align), flags, format.width as i32, precision, code(format.kind)];
        let format = self.shared.data(row.into_iter().flat_map(i32::to_le_bytes).collect());
        self.make("value_format", vec![layout, words, Ex::Data(format)], span).local().expect("an object")
    }

    fn concat(&mut self, a: Local, b: Local, span: Span) -> Local {
        self.make("str_concat", vec![Ex::Local(a), Ex::Local(b)], span).local().expect("an object")
    }

    /// The texts one after the other; the empty string for none.
    fn joined(&mut self, texts: Vec<Local>, span: Span) -> Local {
        let all = texts.into_iter().reduce(|a, b| self.concat(a, b, span));
        match all {
            Some(text) => text,
            None => self.text_literal("", span).parts[0].local().expect("an object"),
        }
    }

    pub fn interpolate(&mut self, pieces: &[Piece], span: Span) -> Value {
        let mut texts = Vec::new();
        for piece in pieces {
            texts.push(match piece {
                Piece::Text(text) => self.text_literal(text, span).parts[0].local().expect("an object"),
                Piece::Value(e, format) => {
                    let value = self.lower_as(e, &e.ty);
                    match format {
                        Some(format) => self.formatted(value, &e.ty, format, e.span),
                        None => self.text_of(value, &e.ty, e.span),
                    }
                }
            });
        }
        let text = self.joined(texts, span);
        crate::plan::value::Value::one(self.read(text))
    }

    pub fn print(&mut self, args: &[Expr], span: Span) -> Value {
        let mut texts = Vec::new();
        for (k, arg) in args.iter().enumerate() {
            if k > 0 {
                texts.push(self.text_literal(" ", span).parts[0].local().expect("an object"));
            }
            let value = self.lower_as(arg, &arg.ty);
            texts.push(self.text_of(value, &arg.ty, arg.span));
        }
        let line = self.joined(texts, span);
        self.note_effect();
        let site = self.site("E0906", span, &[]);
        self.rt("print_line", vec![Ex::Local(line)], Some(site));
        Value::unit()
    }
}
