//! What a JavaScript or TypeScript file imports and exports, from its syntax tree.

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Argument, AssignmentExpression, AssignmentTarget, CallExpression, Expression, IdentifierReference,
    ImportExpression, NewExpression, ObjectPropertyKind, Statement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::{ParseOptions, Parser};
use oxc_span::SourceType;

use crate::scan_cache::{Import, ImportKind, Scan, line_and_column};

/// Scans a file; `extension` is without its dot.
pub(super) fn scan(extension: &str, text: &str) -> Scan {
    let source_type = match extension {
        "mjs" => SourceType::mjs(),
        "cjs" => SourceType::cjs(),
        "ts" | "mts" | "cts" => SourceType::ts(),
        "tsx" => SourceType::tsx(),
        "jsx" => SourceType::jsx(),
        // What Node does too with a file that does not say: a module if it has the syntax of one.
        _ => SourceType::unambiguous(),
    };
    let allocator = Allocator::default();
    let options =
        ParseOptions { allow_return_outside_function: extension == "js", ..ParseOptions::default() };
    let parsed = Parser::new(&allocator, text, source_type).with_options(options).parse();
    let problem = parsed.diagnostics.iter().next().map(|diagnostic| {
        let place =
            diagnostic.labels.iter().next().map(|label| line_and_column(text, label.offset() as usize));
        format!("{}: {}", place.unwrap_or_else(|| "1:1".into()), diagnostic.message)
    });
    let record = &parsed.module_record;
    let mut finder = Finder::default();
    finder.visit_program(&parsed.program);
    for statement in &parsed.program.body {
        finder.statically(statement);
    }
    let mut scan = finder.scan;
    scan.problem = problem;
    scan.exports.extend(record.exported_bindings.keys().map(ToString::to_string));
    scan.more_exports |= !record.star_export_entries.is_empty();
    if !record.has_module_syntax {
        // CommonJS: what it exports is certain only if every mention of its exports was understood.
        scan.more_exports |= finder.mentions > finder.understood;
    }
    scan.sorted()
}

#[derive(Default)]
struct Finder {
    scan: Scan,
    /// How often `exports` or `module` is mentioned, and how often in a form whose effect is known.
    mentions: usize,
    understood: usize,
}

impl Finder {
    fn found(&mut self, name: &str, kind: ImportKind) {
        self.scan.imports.push(Import { name: name.to_owned(), kind });
    }

    /// Imports that are not erased with the types.
    fn statically(&mut self, statement: &Statement<'_>) {
        match statement {
            Statement::ImportDeclaration(import) if !import.import_kind.is_type() => {
                self.found(&import.source.value, ImportKind::Static);
            }
            Statement::ExportFromDeclaration(export) if !export.export_kind.is_type() => {
                self.found(&export.source.value, ImportKind::Static);
            }
            Statement::ExportAllDeclaration(export) if !export.export_kind.is_type() => {
                self.found(&export.source.value, ImportKind::Static);
            }
            Statement::ExportDefaultDeclaration(_) => self.scan.exports.push("default".into()),
            _ => {}
        }
    }

    /// `exports.a = …`, `module.exports.a = …`, `module.exports = { a, b: … }`
    fn common_js_export(&mut self, assignment: &AssignmentExpression<'_>) {
        let AssignmentTarget::StaticMemberExpression(target) = &assignment.left else { return };
        let name = target.property.name.as_str();
        if is_name(&target.object, "exports") || is_module_exports(&target.object) {
            self.scan.exports.push(name.to_owned());
            self.understood += 1;
        } else if is_name(&target.object, "module") && name == "exports" {
            let Expression::ObjectExpression(object) = &assignment.right else { return };
            self.understood += 1;
            for property in &object.properties {
                match property {
                    ObjectPropertyKind::ObjectProperty(property) => match property.key.static_name() {
                        Some(name) => self.scan.exports.push(name.into_owned()),
                        None => self.scan.more_exports = true,
                    },
                    ObjectPropertyKind::SpreadProperty(_) => self.scan.more_exports = true,
                }
            }
        }
    }
}

impl<'a> Visit<'a> for Finder {
    fn visit_import_expression(&mut self, import: &ImportExpression<'a>) {
        match literal(&import.source) {
            Some(name) => self.found(&name, ImportKind::Dynamic),
            None => self.scan.dynamic = true,
        }
        walk::walk_import_expression(self, import);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        let is_resolve = match &call.callee {
            Expression::StaticMemberExpression(member) => {
                is_name(&member.object, "require") && member.property.name == "resolve"
            }
            _ => false,
        };
        if (is_name(&call.callee, "require") || is_resolve)
            && let Some(argument) = call.arguments.first().and_then(Argument::as_expression)
        {
            match literal(argument) {
                Some(name) => self.found(&name, ImportKind::Require),
                None => self.scan.dynamic = true,
            }
        }
        walk::walk_call_expression(self, call);
    }

    fn visit_new_expression(&mut self, new: &NewExpression<'a>) {
        let argument = |index: usize| new.arguments.get(index).and_then(Argument::as_expression);
        if is_name(&new.callee, "URL")
            && let (Some(path), Some(Expression::StaticMemberExpression(base))) = (argument(0), argument(1))
            && matches!(&base.object, Expression::ImportMeta(_))
            && base.property.name == "url"
            && let Some(name) = literal(path)
            && name.starts_with('.')
        {
            self.found(&name, ImportKind::Asset);
        }
        walk::walk_new_expression(self, new);
    }

    fn visit_assignment_expression(&mut self, assignment: &AssignmentExpression<'a>) {
        self.common_js_export(assignment);
        walk::walk_assignment_expression(self, assignment);
    }

    fn visit_identifier_reference(&mut self, identifier: &IdentifierReference<'a>) {
        self.mentions += usize::from(matches!(identifier.name.as_str(), "exports" | "module"));
    }
}

fn is_name(expression: &Expression<'_>, name: &str) -> bool {
    matches!(expression, Expression::Identifier(identifier) if identifier.name == name)
}

fn is_module_exports(expression: &Expression<'_>) -> bool {
    matches!(expression, Expression::StaticMemberExpression(member)
        if member.property.name == "exports" && is_name(&member.object, "module"))
}

/// A string that is known without running anything.
fn literal(expression: &Expression<'_>) -> Option<String> {
    match expression {
        Expression::StringLiteral(string) => Some(string.value.to_string()),
        Expression::TemplateLiteral(template) if template.expressions.is_empty() => {
            template.quasis.first()?.value.cooked.as_ref().map(ToString::to_string)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(extension: &str, text: &str) -> Vec<String> {
        scan(extension, text)
            .imports
            .into_iter()
            .map(|import| format!("{} {:?}", import.name, import.kind))
            .collect()
    }

    #[test]
    fn finds_every_way_to_import() {
        let text = r#"
            import a from "./a.mjs"; import "./b.mjs"; export * from './c.mjs'; export { x } from "d";
            const e = await import("./e.mjs"); const f = require('f'); require.resolve(`./g`);
            readFile(new URL("./h.txt", import.meta.url)); // import "./no.mjs"
            const text = 'import "./neither.mjs"';
        "#;
        let expected = [
            "./a.mjs Static",
            "./b.mjs Static",
            "./c.mjs Static",
            "./e.mjs Dynamic",
            "./g Require",
            "./h.txt Asset",
            "d Static",
            "f Require",
        ];
        assert_eq!(imports("mjs", text), expected);
    }

    #[test]
    fn types_are_not_imports() {
        let text = "import type { A } from './types'; export type { B } from './more'; import { type C, d } from './d';";
        assert_eq!(imports("ts", text), ["./d Static"]);
    }

    #[test]
    fn what_only_the_program_knows_is_said() {
        assert!(scan("mjs", "await import(`./${name}.mjs`)").dynamic);
        assert!(scan("cjs", "require(name)").dynamic);
        assert!(!scan("mjs", "await import('./a.mjs')").dynamic);
    }

    #[test]
    fn exports_of_modules() {
        let found = scan(
            "mjs",
            "export function a() {} export const { b, c: [d] } = x; export { e as f, g as default };",
        );
        assert_eq!(found.exports, ["a", "b", "d", "default", "f"]);
        assert!(!found.more_exports);
        assert!(scan("mjs", "export * from './x.mjs'").more_exports);
        assert_eq!(scan("mjs", "export default async () => 1").exports, ["default"]);
    }

    #[test]
    fn exports_of_common_js() {
        let certain = |text: &str| {
            let found = scan("js", text);
            (!found.more_exports).then_some(found.exports)
        };
        assert_eq!(certain("exports.a = 1; module.exports.b = 2"), Some(vec!["a".into(), "b".into()]));
        assert_eq!(
            certain("module.exports = { a, 'b': 1, c() {} }"),
            Some(vec!["a".into(), "b".into(), "c".into()])
        );
        assert_eq!(certain("module.exports = { ...all }"), None);
        assert_eq!(certain("Object.assign(exports, all)"), None);
        assert_eq!(certain("module.exports = make()"), None);
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let problem = scan("mjs", "const a = 1;\nconst b = ;\n").problem.unwrap();
        assert!(problem.starts_with("2:11: "), "{problem}");
        assert_eq!(scan("js", "#!/usr/bin/env node\nreturn 1;").problem, None);
    }
}
