//! Expressions, with the parentheses that they need and no others.

use super::Printer;
use crate::ast::*;
use crate::number::suffix_text;

/// How tightly an expression binds, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Whole,
    Try,
    Or,
    And,
    Equality,
    Comparison,
    Range,
    Sum,
    Product,
    Unary,
    Power,
    Cast,
    Postfix,
}

impl Level {
    fn tighter(self) -> Level {
        match self {
            Level::Whole => Level::Try,
            Level::Try => Level::Or,
            Level::Or => Level::And,
            Level::And => Level::Equality,
            Level::Equality => Level::Comparison,
            Level::Comparison => Level::Range,
            Level::Range => Level::Sum,
            Level::Sum => Level::Product,
            Level::Product => Level::Unary,
            Level::Unary => Level::Power,
            Level::Power => Level::Cast,
            Level::Cast | Level::Postfix => Level::Postfix,
        }
    }
}

fn operator(op: BinaryOp) -> (&'static str, Level) {
    match op {
        BinaryOp::Or => ("||", Level::Or),
        BinaryOp::And => ("&&", Level::And),
        BinaryOp::Eq => ("==", Level::Equality),
        BinaryOp::Ne => ("!=", Level::Equality),
        BinaryOp::Lt => ("<", Level::Comparison),
        BinaryOp::Gt => (">", Level::Comparison),
        BinaryOp::Le => ("<=", Level::Comparison),
        BinaryOp::Ge => (">=", Level::Comparison),
        BinaryOp::In => ("in", Level::Comparison),
        BinaryOp::Add => ("+", Level::Sum),
        BinaryOp::Sub => ("-", Level::Sum),
        BinaryOp::Mul => ("*", Level::Product),
        BinaryOp::Div => ("/", Level::Product),
        BinaryOp::Rem => ("%", Level::Product),
        BinaryOp::Pow => ("**", Level::Power),
    }
}

fn level(expr: &Expr) -> Level {
    match &expr.kind {
        ExprKind::Pipe { .. } | ExprKind::Lambda(_) => Level::Whole,
        ExprKind::Try(_) => Level::Try,
        ExprKind::Binary { op, .. } => operator(*op).1,
        ExprKind::Range { lo: Some(_), hi: Some(_), .. } => Level::Range,
        // An open range stands in brackets alone, and needs no parentheses there.
        ExprKind::Range { .. } => Level::Whole,
        ExprKind::Unary(..) | ExprKind::Tangent(_) => Level::Unary,
        ExprKind::Cast(..) => Level::Cast,
        _ => Level::Postfix,
    }
}

impl Printer {
    pub(super) fn expr(&mut self, expr: &Expr) {
        self.at(expr, Level::Whole);
    }

    /// In parentheses where it binds more loosely than its place asks for.
    pub(super) fn at(&mut self, expr: &Expr, least: Level) {
        if level(expr) < least {
            self.put("(");
            self.bare(expr);
            self.put(")");
        } else {
            self.bare(expr);
        }
    }

    pub(super) fn block(&mut self, block: &Block) {
        if block.statements.is_empty() && block.value.is_none() {
            return self.put("{}");
        }
        self.put("{");
        self.statements(&block.statements);
        if let Some(value) = &block.value {
            self.depth += 1;
            self.line();
            // An `if` that goes on with an operator would end the statement.
            let continues = !matches!(value.kind, ExprKind::If { .. } | ExprKind::Match { .. } | ExprKind::Block(_));
            let parenthesised = continues && begins_with_block(value);
            if parenthesised {
                self.put("(");
            }
            self.expr(value);
            if parenthesised {
                self.put(")");
            }
            self.depth -= 1;
        }
        self.line();
        self.put("}");
    }

    fn bare(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Int { value, suffix } => {
                self.put_args(format_args!("{value}{}", suffix.map_or("", suffix_text)));
            }
            ExprKind::Float { text, suffix } => {
                self.put_args(format_args!("{text}{}", suffix.map_or("", suffix_text)));
            }
            ExprKind::Bool(value) => self.put(if *value { "true" } else { "false" }),
            ExprKind::Str(parts) => self.text(parts),
            ExprKind::Path(path) => self.path(path),
            ExprKind::Unary(op, operand) => {
                self.put(if *op == UnaryOp::Neg { "-" } else { "!" });
                self.at(operand, Level::Unary);
            }
            ExprKind::Tangent(operand) => {
                self.put("@");
                self.at(operand, Level::Unary);
            }
            ExprKind::Binary { op, left, right, .. } => {
                let (text, level) = operator(*op);
                let (left_level, right_level) = match op {
                    BinaryOp::Pow => (Level::Cast, Level::Unary),
                    _ if level == Level::Comparison => (Level::Range, Level::Range),
                    _ => (level, level.tighter()),
                };
                self.at(left, left_level);
                self.put_args(format_args!(" {text} "));
                self.at(right, right_level);
            }
            ExprKind::Cast(value, ty) => {
                self.at(value, Level::Cast);
                self.put(" as ");
                self.ty(ty);
            }
            ExprKind::Call { callee, args } => {
                // `(f[0])(x)` is a call of an item, `f[0](x)` a call with coordinates.
                let item =
                    matches!(&callee.kind, ExprKind::Index { base, .. } if matches!(base.kind, ExprKind::Path(_)));
                self.put(if item { "(" } else { "" });
                self.at(callee, Level::Postfix);
                self.put(if item { ")" } else { "" });
                self.put("(");
                self.list(args, Self::expr);
                self.put(")");
            }
            ExprKind::CoordCall { callee, coords, args, wheres, .. } => {
                self.path(callee);
                self.put("[");
                self.list(coords, |p, coord| match coord {
                    CoordArg::Coord { name, range } => p.coordinate(name, range),
                    CoordArg::Pack(name) => p.pack(name),
                    CoordArg::Group(names, _) => {
                        p.put("(");
                        p.list(names, Self::ident);
                        p.put(if names.len() == 1 { ",)" } else { ")" });
                    }
                    CoordArg::Expr(expr) => p.expr(expr),
                });
                self.put("](");
                self.list(args, Self::expr);
                self.wheres(wheres);
                self.put(")");
            }
            ExprKind::Index { base, indices, .. } => {
                self.at(base, Level::Postfix);
                self.put("[");
                self.list(indices, Self::expr);
                self.put("]");
            }
            ExprKind::Field(base, name) => {
                self.at(base, Level::Postfix);
                self.put(".");
                self.ident(name);
            }
            ExprKind::TupleField(base, field, _) => {
                self.at(base, Level::Postfix);
                self.put_args(format_args!(".{field}"));
            }
            ExprKind::Range { lo, hi, inclusive } => {
                if let Some(lo) = lo {
                    self.at(lo, Level::Sum);
                }
                self.put(if *inclusive { "..=" } else { ".." });
                if let Some(hi) = hi {
                    self.at(hi, Level::Sum);
                }
            }
            ExprKind::Tuple(items) => {
                self.put("(");
                self.list(items, Self::expr);
                self.put(if items.len() == 1 { ",)" } else { ")" });
            }
            ExprKind::Array(items) => {
                self.put("[");
                self.list(items, Self::expr);
                self.put("]");
            }
            ExprKind::Comprehension { body, clauses } => {
                self.put("[");
                self.expr(body);
                self.put(" | ");
                self.list(clauses, |p, clause| match clause {
                    CompClause::In(pattern, source) => {
                        p.pattern(pattern);
                        p.put(" in ");
                        p.at(source, Level::Range);
                    }
                    CompClause::Bind(name, value) => {
                        p.ident(name);
                        p.put(" = ");
                        p.expr(value);
                    }
                    CompClause::Cond(cond) => p.expr(cond),
                });
                self.put("]");
            }
            ExprKind::Struct { path, fields } => {
                self.path(path);
                self.put(" { ");
                self.list(fields, |p, (name, value)| {
                    p.ident(name);
                    if let Some(value) = value {
                        p.put(": ");
                        p.expr(value);
                    }
                });
                self.put(" }");
            }
            ExprKind::If { cond, then, otherwise } => {
                self.put("if ");
                self.header(cond);
                self.put(" ");
                self.block(then);
                if let Some(otherwise) = otherwise {
                    self.put(" else ");
                    self.expr(otherwise);
                }
            }
            ExprKind::Match { scrutinee, arms } => {
                self.put("match ");
                self.header(scrutinee);
                self.put(" {");
                self.depth += 1;
                for arm in arms {
                    self.line();
                    self.arm(arm);
                }
                self.depth -= 1;
                self.line();
                self.put("}");
            }
            ExprKind::Block(block) => self.block(block),
            ExprKind::Lambda(lambda) => {
                self.put(if lambda.params.is_empty() { "||" } else { "|" });
                self.list(&lambda.params, Self::param);
                self.put(if lambda.params.is_empty() { "" } else { "|" });
                self.result(&lambda.result);
                self.put(" ");
                self.expr(&lambda.body);
            }
            ExprKind::Pipe { head, stages, handler } => self.pipe(head, stages, handler),
            ExprKind::Try(tried) => {
                self.put("try ");
                self.at(tried, Level::Try);
            }
            ExprKind::Error => self.put("<error>"),
        }
    }

    /// The fields or the block of an expression before the brace of an `if` or `match` would be taken for it.
    fn header(&mut self, expr: &Expr) {
        let parenthesised = shows_brace(expr);
        self.put(if parenthesised { "(" } else { "" });
        self.expr(expr);
        self.put(if parenthesised { ")" } else { "" });
    }

    fn arm(&mut self, arm: &Arm) {
        self.pattern(&arm.pattern);
        if let Some(guard) = &arm.guard {
            self.put(" where ");
            self.expr(guard);
        }
        self.put(" => ");
        self.expr(&arm.body);
        self.put(",");
    }

    fn pipe(&mut self, head: &Expr, stages: &[PipeStage], handler: &PipeHandler) {
        self.at(head, Level::Try);
        for PipeStage { op, stage } in stages {
            self.put(match op {
                PipeOp::Plain => " |> ",
                PipeOp::OrElse => " ?> ",
                PipeOp::OrCatch => " !> ",
            });
            self.at(stage, Level::Or);
        }
        match handler {
            PipeHandler::None => {}
            PipeHandler::Else(value) => {
                self.put(" else ");
                self.expr(value);
            }
            PipeHandler::Catch(name, value) => {
                self.put_args(format_args!(" catch |{}| ", name.name));
                self.expr(value);
            }
        }
    }

    fn text(&mut self, parts: &[StrPart]) {
        self.put("\"");
        for part in parts {
            match part {
                StrPart::Text(text) => text.chars().for_each(|c| self.character(c)),
                StrPart::Hole { expr, format } => {
                    self.put("{");
                    // Behind the colon of a lambda's parameter a format would begin.
                    let least = if matches!(expr.kind, ExprKind::Lambda(_)) { Level::Try } else { Level::Whole };
                    self.at(expr, least);
                    if let Some(format) = format {
                        self.format(format);
                    }
                    self.put("}");
                }
            }
        }
        self.put("\"");
    }

    fn character(&mut self, c: char) {
        match c {
            '\n' => self.put("\\n"),
            '\t' => self.put("\\t"),
            '\r' => self.put("\\r"),
            '\0' => self.put("\\0"),
            '\\' => self.put("\\\\"),
            '"' => self.put("\\\""),
            '{' => self.put("{{"),
            '}' => self.put("}}"),
            c if c.is_control() => self.put_args(format_args!("\\u{{{:x}}}", c as u32)),
            c => self.out.push(c),
        }
    }

    fn format(&mut self, format: &Format) {
        self.put(":");
        if let Some(align) = format.align {
            if format.fill != ' ' {
                self.out.push(format.fill);
            }
            self.out.push(align);
        }
        self.put(if format.plus { "+" } else { "" });
        self.put(if format.zero { "0" } else { "" });
        if format.width > 0 {
            self.put_args(format_args!("{}", format.width));
        }
        if let Some(precision) = format.precision {
            self.put_args(format_args!(".{precision}"));
        }
        self.out.extend(format.kind);
    }
}

/// Does a brace stand in the expression outside its brackets?
fn shows_brace(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::If { .. }
        | ExprKind::Match { .. }
        | ExprKind::Block(_)
        | ExprKind::Struct { .. }
        | ExprKind::Lambda(_)
        | ExprKind::Pipe { .. } => true,
        ExprKind::Binary { left, right, .. } => shows_brace(left) || shows_brace(right),
        ExprKind::Cast(inner, _)
        | ExprKind::Call { callee: inner, .. }
        | ExprKind::Index { base: inner, .. }
        | ExprKind::Field(inner, _)
        | ExprKind::TupleField(inner, ..)
        | ExprKind::Unary(_, inner)
        | ExprKind::Tangent(inner)
        | ExprKind::Try(inner) => shows_brace(inner),
        ExprKind::Range { lo, hi, .. } => [lo, hi].into_iter().flatten().any(|end| shows_brace(end)),
        _ => false,
    }
}

/// Is the first token of the expression that of a block-like one?
fn begins_with_block(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::If { .. } | ExprKind::Match { .. } | ExprKind::Block(_) => true,
        ExprKind::Binary { left: first, .. }
        | ExprKind::Cast(first, _)
        | ExprKind::Call { callee: first, .. }
        | ExprKind::Index { base: first, .. }
        | ExprKind::Field(first, _)
        | ExprKind::TupleField(first, ..)
        | ExprKind::Range { lo: Some(first), .. }
        | ExprKind::Pipe { head: first, .. } => begins_with_block(first),
        _ => false,
    }
}
