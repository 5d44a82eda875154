//! Functions that nothing calls: checked in full where their signature says enough, and for unknown names otherwise.

use crate::modules::ModuleId;
use crate::ty::{Axis, Val};
use crate::{Checker, Cx, walk};
use diagnostics::Symbol;
use std::collections::HashSet;
use std::rc::Rc;
use syntax::ast::{
    self, CompClause, CoordArg, CoordParam, DimKind, ExprKind, PipeHandler, StmtKind, TypeKind, WhereItem,
};

/// Stands for all names that a `use …::*;` in a block brings in.
const ANYTHING: &str = "*";

impl Checker<'_> {
    pub(crate) fn check_uncalled(&mut self) {
        let mut waiting: Vec<(Rc<ast::FnDef>, ModuleId)> = Vec::new();
        for id in self.modules.order.clone() {
            let module = self.modules.module(id);
            if module.is_std {
                continue;
            }
            for statement in module.statements.clone().iter() {
                match &statement.kind {
                    StmtKind::Struct(def) => _ = self.struct_id(def, id),
                    StmtKind::Enum(def) => _ = self.enum_id(def, id),
                    _ => {}
                }
            }
            waiting.extend(module.statements.iter().filter_map(|s| match &s.kind {
                StmtKind::Fn(def) if !self.called.contains(&Rc::as_ptr(def)) => Some((def.clone(), id)),
                _ => None,
            }));
        }
        for (def, module) in waiting {
            // Another function that nothing calls may have called it in the meantime.
            if self.called.contains(&Rc::as_ptr(&def)) {
                continue;
            }
            if let Some(rule) = self.rules.get(&Rc::as_ptr(&def)).cloned() {
                self.rule_fits(&def, &rule);
            }
            let root = self.root(module);
            let saved = std::mem::replace(&mut self.cx, Cx::new(root, true));
            match says_enough(&def) {
                true => self.check_alone(&def, module),
                false => self.check_names(&def),
            }
            self.cx = saved;
        }
    }

    /// A call with arguments of the declared types, under the names that they declare.
    fn check_alone(&mut self, def: &Rc<ast::FnDef>, module: ModuleId) {
        let fn_ref = self.fn_ref(def.clone(), module);
        let types: Vec<&ast::TypeExpr> = def.params.iter().filter_map(|p| p.ty.as_ref()).collect();
        let args: Vec<Val> = types
            .iter()
            .map(|ty| {
                let want = self.type_expr(ty);
                let var = self.new_temp(&want, ty.span);
                let own =
                    |(k, a): (usize, &Axis)| if a.extent.is_const() { a.clone() } else { Axis::of(var, k, a.name) };
                let axes: Vec<Axis> = want.axes().iter().enumerate().map(own).collect();
                let want = if axes.is_empty() { want } else { want.with_axes(axes) };
                Val::var(var, want, ty.span)
            })
            .collect();
        if args.iter().any(|a| a.ty.is_error()) {
            return;
        }
        if def.coords.is_empty() {
            self.call_def(&fn_ref, args, def.signature);
        } else {
            let coords = def.coords.iter().filter_map(|coord| match coord {
                CoordParam::Coord(name) => Some(CoordArg::Coord { name: *name, range: None }),
                CoordParam::Pack(_) => None,
            });
            self.bind_call(&fn_ref, coords.collect(), args, def.signature);
        }
    }

    /// Names that nothing in the function binds and nothing around it knows.
    fn check_names(&mut self, def: &ast::FnDef) {
        for ty in def.params.iter().filter_map(|p| p.ty.as_ref()).chain(&def.result) {
            self.want(ty);
        }
        let mut bound = HashSet::new();
        bind_function(def, &mut bound);
        if bound.contains(&Symbol::new(ANYTHING)) {
            return;
        }
        let mut paths: Vec<&ast::Path> = Vec::new();
        walk::each_in_block(&def.body, &mut |e| {
            walk::each_expr(e, &mut |e| match &e.kind {
                ExprKind::Path(path) | ExprKind::CoordCall { callee: path, .. } => paths.push(path),
                _ => {}
            })
        });
        for path in paths {
            let first = path.segments[0];
            if bound.contains(&first.name) || crate::builtin::is_builtin(first.name.as_str()) {
                continue;
            }
            let found = self.modules.resolve_path(self.cx.env.module(), path, &|_| None);
            match (found, path.segments.as_slice()) {
                (Ok(_), _) => {}
                (Err(_), [name]) => {
                    let names: Vec<&str> = bound.iter().map(|n| n.as_str()).collect();
                    self.unknown_with(*name, names);
                }
                (Err(diagnostic), _) => self.report(diagnostic),
            }
        }
    }
}

/// Whether the types of the parameters are all that a body's check needs.
fn says_enough(def: &ast::FnDef) -> bool {
    let names = |name: &ast::Ident| {
        def.params.iter().filter_map(|p| p.ty.as_ref()).any(|ty| match &ty.kind {
            TypeKind::Tensor { dims: Some(dims), .. } => {
                dims.iter().any(|dim| matches!(dim.kind, DimKind::Name(own) if own == name.name))
            }
            _ => false,
        })
    };
    let grounded = def.coords.iter().all(|coord| matches!(coord, CoordParam::Coord(name) if names(name)));
    grounded && def.params.iter().all(|p| p.ty.as_ref().is_some_and(is_plain))
}

fn is_plain(ty: &ast::TypeExpr) -> bool {
    match &ty.kind {
        TypeKind::Path(path) => {
            !matches!(path.segments.as_slice(), [name] if crate::types::is_generic(name.name.as_str()))
        }
        TypeKind::Unit => true,
        TypeKind::Tuple(items) => items.iter().all(is_plain),
        TypeKind::Tensor { elem, dims } => {
            let open = |dim: &ast::Dim| matches!(dim.kind, DimKind::Pack(_) | DimKind::AnyRank);
            is_plain(elem) && dims.as_ref().is_none_or(|dims| !dims.iter().any(open))
        }
        _ => false,
    }
}

/// Every name that a function binds somewhere: scopes are not told apart.
fn bind_function(def: &ast::FnDef, bound: &mut HashSet<Symbol>) {
    bound.extend(def.coords.iter().map(|coord| match coord {
        CoordParam::Coord(name) | CoordParam::Pack(name) => name.name,
    }));
    for param in &def.params {
        bind_pattern(&param.pattern, bound);
    }
    for ty in def.params.iter().filter_map(|p| p.ty.as_ref()).chain(&def.result) {
        bind_dims(ty, bound);
    }
    bind_block(&def.body, bound);
}

fn bind_pattern(pattern: &ast::Pattern, bound: &mut HashSet<Symbol>) {
    let mut names = Vec::new();
    crate::pattern::names_of(pattern, &mut names);
    bound.extend(names.iter().map(|name| name.name));
}

fn bind_dims(ty: &ast::TypeExpr, bound: &mut HashSet<Symbol>) {
    match &ty.kind {
        TypeKind::Tensor { elem, dims } => {
            bind_dims(elem, bound);
            bound.extend(dims.iter().flatten().filter_map(|dim| match dim.kind {
                DimKind::Name(name) | DimKind::Pack(name) => Some(name),
                _ => None,
            }));
        }
        TypeKind::Tuple(items) => items.iter().for_each(|item| bind_dims(item, bound)),
        _ => {}
    }
}

fn bind_block(block: &ast::Block, bound: &mut HashSet<Symbol>) {
    for statement in &block.statements {
        match &statement.kind {
            StmtKind::Let(definition) => {
                bind_pattern(&definition.pattern, bound);
                definition.wheres.iter().for_each(|wheres| bind_where(wheres, bound));
            }
            StmtKind::Clause(clause) => {
                bound.insert(clause.name.name);
                bound.extend(clause.slots.iter().filter_map(|slot| match slot {
                    ast::Slot::Coord { name, .. } | ast::Slot::Pack(name) => Some(name.name),
                    ast::Slot::Expr(_) => None,
                }));
                clause.wheres.iter().for_each(|wheres| bind_where(wheres, bound));
            }
            StmtKind::Fn(def) | StmtKind::Rule(def) => {
                bound.insert(def.name.name);
                bind_function(def, bound);
            }
            StmtKind::Struct(def) => drop(bound.insert(def.name.name)),
            StmtKind::Enum(def) => drop(bound.insert(def.name.name)),
            StmtKind::Mod(def) => drop(bound.insert(def.name.name)),
            StmtKind::Use(definition) => bind_use(&definition.tree, bound),
            _ => {}
        }
    }
    walk::each_in_block(block, &mut |e| walk::each_expr(e, &mut |e| bind_expr(e, bound)));
}

fn bind_use(tree: &ast::UseTree, bound: &mut HashSet<Symbol>) {
    match &tree.kind {
        ast::UseKind::Simple(Some(alias)) => drop(bound.insert(alias.name)),
        ast::UseKind::Simple(None) => bound.extend(tree.prefix.segments.last().map(|name| name.name)),
        ast::UseKind::Glob(_) => drop(bound.insert(Symbol::new(ANYTHING))),
        ast::UseKind::Group(trees) => trees.iter().for_each(|tree| bind_use(tree, bound)),
    }
}

fn bind_where(wheres: &ast::Where, bound: &mut HashSet<Symbol>) {
    bound.extend(wheres.items.iter().filter_map(|item| match item {
        WhereItem::Def(name, _) => Some(name.name),
        WhereItem::Guard(_) => None,
    }));
}

fn bind_expr(e: &ast::Expr, bound: &mut HashSet<Symbol>) {
    match &e.kind {
        ExprKind::Block(block) => bind_block(block, bound),
        ExprKind::If { then, .. } => bind_block(then, bound),
        ExprKind::Match { arms, .. } => arms.iter().for_each(|arm| bind_pattern(&arm.pattern, bound)),
        ExprKind::Lambda(lambda) => lambda.params.iter().for_each(|p| bind_pattern(&p.pattern, bound)),
        ExprKind::CoordCall { coords, wheres, .. } => {
            for coord in coords {
                match coord {
                    CoordArg::Coord { name, .. } | CoordArg::Pack(name) => drop(bound.insert(name.name)),
                    CoordArg::Group(names, _) => bound.extend(names.iter().map(|n| n.name)),
                    CoordArg::Expr(_) => {}
                }
            }
            wheres.iter().for_each(|wheres| bind_where(wheres, bound));
        }
        ExprKind::Comprehension { clauses, .. } => {
            for clause in clauses {
                match clause {
                    CompClause::In(pattern, _) => bind_pattern(pattern, bound),
                    CompClause::Bind(name, _) => drop(bound.insert(name.name)),
                    CompClause::Cond(_) => {}
                }
            }
        }
        ExprKind::Pipe { handler: PipeHandler::Catch(name, _), .. } => drop(bound.insert(name.name)),
        _ => {}
    }
}
