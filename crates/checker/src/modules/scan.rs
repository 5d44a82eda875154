//! Finds what a module's text asks of other modules: its `use`s, its inline modules and its long paths, by scope.

use std::rc::Rc;
use syntax::ast::*;

/// The module itself, or a block in it that has a `use` or `mod` of its own.
#[derive(Default)]
pub(super) struct Scan {
    pub uses: Vec<Rc<Use>>,
    pub mods: Vec<Rc<Mod>>,
    /// Paths that may lead into a module which no `use` names: `std::math::sin`, `shapes::round::area`.
    pub paths: Vec<Vec<Ident>>,
    pub inner: Vec<Scan>,
}

pub(super) fn scan(statements: &[Stmt]) -> Scan {
    let mut scan = Scan::default();
    scan.statements(statements);
    scan
}

impl Scan {
    fn statements(&mut self, statements: &[Stmt]) {
        for statement in statements {
            match &statement.kind {
                StmtKind::Let(def) => {
                    self.pattern(&def.pattern);
                    self.types(&def.ty);
                    self.expr(&def.value);
                    self.wheres(&def.wheres);
                }
                StmtKind::Clause(def) => {
                    for slot in &def.slots {
                        match slot {
                            Slot::Coord { range, .. } => self.range(range),
                            Slot::Expr(expr) => self.expr(expr),
                            Slot::Pack(_) => {}
                        }
                    }
                    self.types(&def.ty);
                    self.expr(&def.body);
                    self.wheres(&def.wheres);
                }
                StmtKind::Expr(expr) => self.expr(expr),
                StmtKind::Fn(def) | StmtKind::Rule(def) => {
                    self.params(&def.params);
                    self.types(&def.result);
                    self.block(&def.body);
                }
                StmtKind::Struct(def) => self.fields(&def.fields),
                StmtKind::Enum(def) => {
                    for variant in &def.variants {
                        match &variant.fields {
                            VariantFields::Unit => {}
                            VariantFields::Tuple(types) => types.iter().for_each(|ty| self.ty(ty)),
                            VariantFields::Named(fields) => self.fields(fields),
                        }
                    }
                }
                StmtKind::Use(def) => self.uses.push(def.clone()),
                StmtKind::Mod(def) => self.mods.push(def.clone()),
                StmtKind::Error => {}
            }
        }
    }

    fn block(&mut self, block: &Block) {
        let scoped = |statement: &Stmt| matches!(statement.kind, StmtKind::Use(_) | StmtKind::Mod(_));
        if block.statements.iter().any(scoped) {
            let mut inner = Scan::default();
            inner.block_here(block);
            self.inner.push(inner);
        } else {
            self.block_here(block);
        }
    }

    fn block_here(&mut self, block: &Block) {
        self.statements(&block.statements);
        if let Some(value) = &block.value {
            self.expr(value);
        }
    }

    fn path(&mut self, path: &Path) {
        if path.segments.len() > 2 {
            self.paths.push(path.segments.clone());
        }
    }

    fn fields(&mut self, fields: &[FieldDef]) {
        fields.iter().for_each(|field| self.ty(&field.ty));
    }

    fn params(&mut self, params: &[Param]) {
        for param in params {
            self.pattern(&param.pattern);
            self.types(&param.ty);
        }
    }

    fn types(&mut self, ty: &Option<TypeExpr>) {
        if let Some(ty) = ty {
            self.ty(ty);
        }
    }

    fn ty(&mut self, ty: &TypeExpr) {
        match &ty.kind {
            TypeKind::Path(path) => self.path(path),
            TypeKind::Tuple(parts) => parts.iter().for_each(|part| self.ty(part)),
            TypeKind::Tensor { elem, .. } => self.ty(elem),
            TypeKind::Fn { params, result } => {
                params.iter().for_each(|param| self.ty(param));
                self.ty(result);
            }
            TypeKind::Unit | TypeKind::Error => {}
        }
    }

    fn wheres(&mut self, wheres: &Option<Where>) {
        let Some(wheres) = wheres else { return };
        for item in &wheres.items {
            match item {
                WhereItem::Def(_, expr) | WhereItem::Guard(expr) => self.expr(expr),
            }
        }
        self.maybe(&wheres.otherwise);
    }

    fn range(&mut self, range: &Option<Range>) {
        if let Some(range) = range {
            self.expr(&range.lo);
            self.expr(&range.hi);
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::At(_, inner) => self.pattern(inner),
            PatternKind::Or(parts) | PatternKind::Tuple(parts) => parts.iter().for_each(|part| self.pattern(part)),
            PatternKind::Array(parts) => {
                for part in parts {
                    if let ArrayPattern::Item(item) = part {
                        self.pattern(item);
                    }
                }
            }
            PatternKind::Struct { path, fields } => {
                self.path(path);
                fields.iter().filter_map(|field| field.pattern.as_ref()).for_each(|inner| self.pattern(inner));
            }
            PatternKind::Variant { path, args } => {
                self.path(path);
                args.iter().for_each(|arg| self.pattern(arg));
            }
            PatternKind::Wildcard
            | PatternKind::Bind(_)
            | PatternKind::Literal(_)
            | PatternKind::Range { .. }
            | PatternKind::Error => {}
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) {
        exprs.iter().for_each(|expr| self.expr(expr));
    }

    fn maybe(&mut self, expr: &Option<Box<Expr>>) {
        if let Some(expr) = expr {
            self.expr(expr);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Int { .. } | ExprKind::Float { .. } | ExprKind::Bool(_) | ExprKind::Error => {}
            ExprKind::Str(parts) => {
                for part in parts {
                    if let StrPart::Hole { expr, .. } = part {
                        self.expr(expr);
                    }
                }
            }
            ExprKind::Path(path) => self.path(path),
            ExprKind::Unary(_, inner)
            | ExprKind::Field(inner, _)
            | ExprKind::TupleField(inner, ..)
            | ExprKind::Try(inner)
            | ExprKind::Tangent(inner) => self.expr(inner),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Cast(inner, ty) => {
                self.expr(inner);
                self.ty(ty);
            }
            ExprKind::Call { callee, args } => {
                self.expr(callee);
                self.exprs(args);
            }
            ExprKind::CoordCall { callee, coords, args, wheres, .. } => {
                self.path(callee);
                for coord in coords {
                    match coord {
                        CoordArg::Coord { range, .. } => self.range(range),
                        CoordArg::Expr(expr) => self.expr(expr),
                        CoordArg::Pack(_) | CoordArg::Group(..) => {}
                    }
                }
                self.exprs(args);
                self.wheres(wheres);
            }
            ExprKind::Index { base, indices, .. } => {
                self.expr(base);
                self.exprs(indices);
            }
            ExprKind::Range { lo, hi, .. } => {
                self.maybe(lo);
                self.maybe(hi);
            }
            ExprKind::Tuple(items) | ExprKind::Array(items) => self.exprs(items),
            ExprKind::Comprehension { body, clauses } => {
                self.expr(body);
                for clause in clauses {
                    match clause {
                        CompClause::In(pattern, expr) => {
                            self.pattern(pattern);
                            self.expr(expr);
                        }
                        CompClause::Bind(_, expr) | CompClause::Cond(expr) => self.expr(expr),
                    }
                }
            }
            ExprKind::Struct { path, fields } => {
                self.path(path);
                fields.iter().filter_map(|(_, value)| value.as_ref()).for_each(|value| self.expr(value));
            }
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.block(then);
                self.maybe(otherwise);
            }
            ExprKind::Match { scrutinee, arms } => {
                self.expr(scrutinee);
                for arm in arms {
                    self.pattern(&arm.pattern);
                    if let Some(guard) = &arm.guard {
                        self.expr(guard);
                    }
                    self.expr(&arm.body);
                }
            }
            ExprKind::Block(block) => self.block(block),
            ExprKind::Lambda(lambda) => {
                self.params(&lambda.params);
                self.types(&lambda.result);
                self.expr(&lambda.body);
            }
            ExprKind::Pipe { head, stages, handler } => {
                self.expr(head);
                stages.iter().for_each(|stage| self.expr(&stage.stage));
                match handler {
                    PipeHandler::None => {}
                    PipeHandler::Else(expr) | PipeHandler::Catch(_, expr) => self.expr(expr),
                }
            }
        }
    }
}
