//! What a piece of syntax mentions: names, packs, constructs that bind coordinates.

use diagnostics::Symbol;
use std::collections::HashSet;
use syntax::ast::*;

/// Every expression inside, parents first.
pub fn each_expr<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    visit(expr);
    each_child(expr, &mut |child| each_expr(child, visit));
}

/// The direct children.
pub fn each_child<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::Int { .. } | ExprKind::Float { .. } | ExprKind::Bool(_) | ExprKind::Path(_) | ExprKind::Error => {}
        ExprKind::Str(parts) => {
            for part in parts {
                if let StrPart::Hole { expr, .. } = part {
                    visit(expr);
                }
            }
        }
        ExprKind::Unary(_, e)
        | ExprKind::Cast(e, _)
        | ExprKind::Field(e, _)
        | ExprKind::TupleField(e, _, _)
        | ExprKind::Try(e)
        | ExprKind::Tangent(e) => visit(e),
        ExprKind::Binary { left, right, .. } => {
            visit(left);
            visit(right);
        }
        ExprKind::Call { callee, args } => {
            visit(callee);
            args.iter().for_each(visit);
        }
        ExprKind::CoordCall { coords, args, wheres, .. } => {
            for coord in coords {
                match coord {
                    CoordArg::Coord { range: Some(range), .. } => {
                        visit(&range.lo);
                        visit(&range.hi);
                    }
                    CoordArg::Expr(e) => visit(e),
                    _ => {}
                }
            }
            args.iter().for_each(&mut *visit);
            if let Some(wheres) = wheres {
                each_in_where(wheres, visit);
            }
        }
        ExprKind::Index { base, indices, .. } => {
            visit(base);
            indices.iter().for_each(visit);
        }
        ExprKind::Range { lo, hi, .. } => {
            for end in [lo, hi].into_iter().flatten() {
                visit(end);
            }
        }
        ExprKind::Tuple(items) | ExprKind::Array(items) => items.iter().for_each(visit),
        ExprKind::Comprehension { body, clauses } => {
            for clause in clauses {
                match clause {
                    CompClause::In(_, e) | CompClause::Bind(_, e) | CompClause::Cond(e) => visit(e),
                }
            }
            visit(body);
        }
        ExprKind::Struct { fields, .. } => fields.iter().filter_map(|(_, e)| e.as_ref()).for_each(visit),
        ExprKind::If { cond, then, otherwise } => {
            visit(cond);
            each_in_block(then, visit);
            if let Some(e) = otherwise {
                visit(e);
            }
        }
        ExprKind::Match { scrutinee, arms } => {
            visit(scrutinee);
            for arm in arms {
                if let Some(guard) = &arm.guard {
                    visit(guard);
                }
                visit(&arm.body);
            }
        }
        ExprKind::Block(block) => each_in_block(block, visit),
        ExprKind::Lambda(lambda) => visit(&lambda.body),
        ExprKind::Pipe { head, stages, handler } => {
            visit(head);
            stages.iter().for_each(|s| visit(&s.stage));
            match handler {
                PipeHandler::None => {}
                PipeHandler::Else(e) | PipeHandler::Catch(_, e) => visit(e),
            }
        }
    }
}

pub fn each_in_where<'a>(wheres: &'a Where, visit: &mut dyn FnMut(&'a Expr)) {
    for item in &wheres.items {
        match item {
            WhereItem::Def(_, e) | WhereItem::Guard(e) => visit(e),
        }
    }
    if let Some(e) = &wheres.otherwise {
        visit(e);
    }
}

pub fn each_in_block<'a>(block: &'a Block, visit: &mut dyn FnMut(&'a Expr)) {
    block.statements.iter().for_each(|s| each_in_stmt(s, visit));
    if let Some(value) = &block.value {
        visit(value);
    }
}

pub fn each_in_stmt<'a>(stmt: &'a Stmt, visit: &mut dyn FnMut(&'a Expr)) {
    match &stmt.kind {
        StmtKind::Let(l) => {
            visit(&l.value);
            if let Some(w) = &l.wheres {
                each_in_where(w, visit);
            }
        }
        StmtKind::Clause(c) => each_in_clause(c, visit),
        StmtKind::Expr(e) => visit(e),
        StmtKind::Fn(f) | StmtKind::Rule(f) => each_in_block(&f.body, visit),
        _ => {}
    }
}

pub fn each_in_clause<'a>(clause: &'a Clause, visit: &mut dyn FnMut(&'a Expr)) {
    for slot in &clause.slots {
        match slot {
            Slot::Coord { range: Some(range), .. } => {
                visit(&range.lo);
                visit(&range.hi);
            }
            Slot::Expr(e) => visit(e),
            _ => {}
        }
    }
    visit(&clause.body);
    if let Some(w) = &clause.wheres {
        each_in_where(w, visit);
    }
}

/// Single names that an expression mentions and does not bind as coordinates or parameters, also as the callee of a
/// coordinate call.
pub fn names_in(expr: &Expr, names: &mut HashSet<Symbol>) {
    collect_names(expr, &mut Vec::new(), names);
}

fn collect_names(e: &Expr, bound: &mut Vec<Symbol>, names: &mut HashSet<Symbol>) {
    let mark = bound.len();
    match &e.kind {
        ExprKind::Path(path) if !bound.contains(&path.segments[0].name) => {
            names.insert(path.segments[0].name);
        }
        ExprKind::CoordCall { callee, coords, .. } => {
            names.insert(callee.segments[0].name);
            bind_coords(coords, bound);
        }
        ExprKind::Lambda(lambda) => bind_params(lambda, bound),
        ExprKind::Struct { fields, .. } => {
            let short = fields.iter().filter(|(_, e)| e.is_none()).map(|(name, _)| name.name);
            names.extend(short.filter(|name| !bound.contains(name)));
        }
        _ => {}
    }
    each_child(e, &mut |child| collect_names(child, bound, names));
    bound.truncate(mark);
}

/// The names that a clause reads, without its own coordinates and definitions.
pub fn names_in_clause(clause: &Clause, names: &mut HashSet<Symbol>) {
    let slots = clause.slots.iter().filter_map(|slot| match slot {
        Slot::Coord { name, .. } => Some(name.name),
        _ => None,
    });
    let items = clause.wheres.iter().flat_map(|wheres| &wheres.items);
    let definitions = items.filter_map(|item| match item {
        WhereItem::Def(name, _) => Some(name.name),
        WhereItem::Guard(_) => None,
    });
    let mut bound: Vec<Symbol> = slots.chain(definitions).collect();
    each_in_clause(clause, &mut |e| collect_names(e, &mut bound, names));
}

pub fn names_in_stmt(stmt: &Stmt) -> HashSet<Symbol> {
    let mut names = HashSet::new();
    match &stmt.kind {
        StmtKind::Clause(clause) => names_in_clause(clause, &mut names),
        _ => each_in_stmt(stmt, &mut |e| names_in(e, &mut names)),
    }
    names
}

fn bind_coords(coords: &[CoordArg], bound: &mut Vec<Symbol>) {
    for coord in coords {
        match coord {
            CoordArg::Coord { name, .. } => bound.push(name.name),
            CoordArg::Pack(name) => bound.push(pack_symbol(name.name)),
            CoordArg::Group(names, _) => bound.extend(names.iter().map(|n| n.name)),
            CoordArg::Expr(_) => {}
        }
    }
}

fn bind_params(lambda: &Lambda, bound: &mut Vec<Symbol>) {
    bound.extend(lambda.params.iter().filter_map(|p| match &p.pattern.kind {
        PatternKind::Bind(name) => Some(name.name),
        _ => None,
    }));
}

/// Names of coordinates and packs (spelt `..name`) that an expression mentions and does not bind itself.
pub fn free_coords(expr: &Expr, free: &mut Vec<Symbol>) {
    collect_free(expr, &mut Vec::new(), free);
}

fn collect_free(expr: &Expr, bound: &mut Vec<Symbol>, free: &mut Vec<Symbol>) {
    let mut add = |name: Symbol, bound: &[Symbol]| {
        if !bound.contains(&name) && !free.contains(&name) {
            free.push(name);
        }
    };
    match &expr.kind {
        ExprKind::Path(path) if path.segments.len() == 1 => add(path.segments[0].name, bound),
        ExprKind::Range { lo: None, hi: Some(hi), .. } => {
            if let ExprKind::Path(path) = &hi.kind {
                add(pack_symbol(path.segments[0].name), bound);
            }
            collect_free(hi, bound, free);
        }
        ExprKind::CoordCall { coords, .. } => {
            let mark = bound.len();
            bind_coords(coords, bound);
            each_child(expr, &mut |child| collect_free(child, bound, free));
            bound.truncate(mark);
        }
        ExprKind::Lambda(lambda) => {
            let mark = bound.len();
            bind_params(lambda, bound);
            collect_free(&lambda.body, bound, free);
            bound.truncate(mark);
        }
        ExprKind::Block(block) => collect_free_in(block, bound, free),
        ExprKind::If { cond, then, otherwise } => {
            collect_free(cond, bound, free);
            collect_free_in(then, bound, free);
            otherwise.iter().for_each(|e| collect_free(e, bound, free));
        }
        _ => each_child(expr, &mut |child| collect_free(child, bound, free)),
    }
}

/// What a block binds is not free behind it, what a clause binds not inside of it.
fn collect_free_in(block: &Block, bound: &mut Vec<Symbol>, free: &mut Vec<Symbol>) {
    let mark = bound.len();
    for statement in &block.statements {
        let before = bound.len();
        match &statement.kind {
            StmtKind::Clause(clause) => {
                bound.extend(clause.slots.iter().filter_map(|slot| match slot {
                    Slot::Coord { name, .. } => Some(name.name),
                    Slot::Pack(name) => Some(pack_symbol(name.name)),
                    Slot::Expr(_) => None,
                }));
                each_in_clause(clause, &mut |e| collect_free(e, bound, free));
                bound.truncate(before);
                bound.push(clause.name.name);
            }
            StmtKind::Let(definition) => {
                each_in_stmt(statement, &mut |e| collect_free(e, bound, free));
                let mut names = Vec::new();
                crate::pattern::names_of(&definition.pattern, &mut names);
                bound.extend(names.iter().map(|name| name.name));
            }
            _ => each_in_stmt(statement, &mut |e| collect_free(e, bound, free)),
        }
    }
    block.value.iter().for_each(|value| collect_free(value, bound, free));
    bound.truncate(mark);
}

/// Packs live in the name space of coordinates with their dots.
pub fn pack_symbol(name: Symbol) -> Symbol {
    Symbol::new(&format!("..{name}"))
}

/// Names that stand inside an index bracket, in order: what can ground a coordinate.
pub fn index_names(expr: &Expr) -> Vec<Symbol> {
    let mut names = Vec::new();
    each_expr(expr, &mut |e| {
        if let ExprKind::Index { indices, .. } = &e.kind {
            for index in indices {
                free_coords(index, &mut names);
            }
        }
    });
    // Names that a construct inside binds are not free here.
    let mut free = Vec::new();
    free_coords(expr, &mut free);
    names.retain(|name| free.contains(name));
    names
}

/// Whether a condition asks about types, ranks or shapes, so that it selects before the branches are checked.
pub fn asks_about_shape(expr: &Expr) -> bool {
    let mut asks = false;
    each_expr(expr, &mut |e| {
        let name = match &e.kind {
            ExprKind::Path(path) => path.segments.last(),
            ExprKind::CoordCall { callee, .. } => callee.segments.last(),
            ExprKind::Field(_, name) => Some(name),
            _ => None,
        };
        if let Some(name) = name {
            asks |= matches!(name.name.as_str(), "typeof" | "rank" | "len" | "shape" | "size" | "extent" | "length");
        }
    });
    asks
}
