//! `[stages.X]` merged over the file.

use crate::node::{Node, NodeKind};

/// Tables merge key by key; anything else takes the place of what it overlays. Every value keeps its own span, so a
/// message points at the line that counts.
pub(crate) fn merge(base: &mut Node, overlay: Node) {
    let NodeKind::Table(entries) = overlay.kind else {
        *base = overlay;
        return;
    };
    let NodeKind::Table(target) = &mut base.kind else {
        base.span = overlay.span;
        base.kind = NodeKind::Table(entries);
        return;
    };
    for (key, entry) in entries {
        match target.get_mut(&key) {
            Some(existing) => merge(&mut existing.node, entry.node),
            None => {
                target.insert(key, entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::merge;
    use crate::node::{Node, NodeKind, parse};

    fn merged(base: &str, overlay: &str) -> Node {
        let mut node = parse(base).unwrap();
        merge(&mut node, parse(overlay).unwrap());
        node
    }

    #[test]
    fn tables_merge_and_values_are_replaced() {
        let node = merged("a = { x = 1, y = [1, 2] }\nb = 1", "a.y = [3]\nc.d = 4");
        let a = &node.get("a").unwrap().node;
        assert!(matches!(a.get("x").unwrap().node.kind, NodeKind::Integer(1)));
        assert!(matches!(&a.get("y").unwrap().node.kind, NodeKind::Array(items) if items.len() == 1));
        assert!(node.get("b").is_some() && node.get("c").is_some());
    }

    #[test]
    fn a_replaced_value_has_the_overlay_s_span() {
        let node = merged("a.b = 1", "\n\na.b = 22");
        let b = &node.get("a").unwrap().node.get("b").unwrap().node;
        assert_eq!((b.span.start, b.span.end), (8, 10));
    }
}
