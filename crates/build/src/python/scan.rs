//! What a Python file imports and defines, from its syntax tree.

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, Stmt};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};

use crate::scan_cache::{Import, ImportKind, Scan, line_and_column};

/// Scans a file.
pub(super) fn scan(text: &str) -> Scan {
    let parsed = parse_unchecked(text, ParseOptions::from(Mode::Module));
    let problem = parsed.errors().first().map(|error| {
        format!("{}: {}", line_and_column(text, error.location.start().to_usize()), error.error)
    });
    let mut finder = Finder::default();
    if let Some(module) = parsed.try_into_module() {
        for statement in module.suite() {
            finder.visit_stmt(statement);
            finder.definitions(statement);
        }
    }
    let mut scan = finder.scan;
    scan.problem = problem;
    scan.sorted()
}

#[derive(Default)]
struct Finder {
    scan: Scan,
}

impl Finder {
    fn found(&mut self, name: String, kind: ImportKind) {
        self.scan.imports.push(Import { name, kind });
    }

    /// Names that a statement of the module itself defines.
    fn definitions(&mut self, statement: &Stmt) {
        let scan = &mut self.scan;
        match statement {
            Stmt::FunctionDef(function) if function.name.as_str() == "__getattr__" => {
                scan.more_exports = true;
            }
            Stmt::FunctionDef(function) => scan.exports.push(function.name.to_string()),
            Stmt::ClassDef(class) => scan.exports.push(class.name.to_string()),
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    names(target, scan);
                }
            }
            Stmt::AnnAssign(assign) => names(&assign.target, scan),
            Stmt::Import(import) => {
                let bound =
                    |alias: &ruff_python_ast::Alias| alias.asname.as_ref().unwrap_or(&alias.name).to_string();
                scan.exports.extend(import.names.iter().map(bound));
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    match alias.name.as_str() {
                        "*" => scan.more_exports = true,
                        _ => scan.exports.push(alias.asname.as_ref().unwrap_or(&alias.name).to_string()),
                    }
                }
            }
            Stmt::Expr(_) | Stmt::Pass(_) | Stmt::AugAssign(_) | Stmt::Assert(_) | Stmt::Delete(_) => {}
            // `if`, `try`, `with`: what they define depends on how they run.
            _ => scan.more_exports = true,
        }
    }

    /// `importlib.import_module(…)`, `__import__(…)`
    fn imported_by_call(&mut self, call: &ruff_python_ast::ExprCall) {
        let name = match &*call.func {
            Expr::Name(name) => name.id.as_str(),
            Expr::Attribute(attribute) => attribute.attr.as_str(),
            _ => return,
        };
        if !matches!(name, "import_module" | "__import__") {
            return;
        }
        match call.arguments.args.first() {
            Some(Expr::StringLiteral(literal)) => {
                self.found(literal.value.to_str().to_owned(), ImportKind::Dynamic);
            }
            _ => self.scan.dynamic = true,
        }
    }
}

impl<'a> Visitor<'a> for Finder {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.found(alias.name.to_string(), ImportKind::Static);
                }
            }
            Stmt::ImportFrom(import) => {
                let dots = ".".repeat(import.level as usize);
                let module = format!("{dots}{}", import.module.as_deref().unwrap_or_default());
                // Each name may be a module of the package, or something that the module defines: the files tell.
                for alias in import.names.iter().filter(|alias| alias.name.as_str() != "*") {
                    let dot = if module.is_empty() || module.ends_with('.') { "" } else { "." };
                    self.found(format!("{module}{dot}{}", alias.name), ImportKind::Static);
                }
                self.found(module, ImportKind::Static);
            }
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression {
            self.imported_by_call(call);
        }
        walk_expr(self, expression);
    }
}

fn names(target: &Expr, scan: &mut Scan) {
    match target {
        Expr::Name(name) => scan.exports.push(name.id.to_string()),
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|element| names(element, scan)),
        Expr::List(list) => list.elts.iter().for_each(|element| names(element, scan)),
        // `a.b = …`, `a[b] = …`: no name of the module, unless through `globals()`.
        Expr::Attribute(_) => {}
        _ => scan.more_exports = true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_way_to_import() {
        let text = "
import a, b.c as d
from .e import f
from .. import g
from h.i import *
def late():
    import j
    importlib.import_module('k.l')
'import no'
";
        let found = scan(text);
        let names: Vec<_> = found.imports.iter().map(|import| import.name.as_str()).collect();
        assert_eq!(names, ["..", "..g", ".e", ".e.f", "a", "b.c", "h.i", "j", "k.l"]);
        assert!(!found.dynamic && found.more_exports);
        assert!(scan("__import__(name)").dynamic);
    }

    #[test]
    fn finds_what_is_defined() {
        let found = scan(
            "async def a(): pass\nclass B: pass\nc, [d] = 1, [2]\ne: int = 3\nfrom f import g as h\nprint('x')\n",
        );
        assert_eq!(found.exports, ["B", "a", "c", "d", "e", "h"]);
        assert!(!found.more_exports);
        assert!(scan("if x:\n    def a(): pass\n").more_exports);
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let problem = scan("a = 1\ndef f(:\n    pass\n").problem.unwrap();
        assert!(problem.starts_with("2:7: "), "{problem}");
    }
}
