//! `[sockets.NAME]`

use crate::app::Socket;
use crate::decode::{Spanned, section};
use crate::diagnostic::{Diagnostic, Span};
use crate::item::ItemKind;
use crate::manifest::scalar::{FirstName, ProviderName};
use crate::validate::Check;

section! {
    /// A WebSocket API.
    SocketSection {
        /// The function called when a client connects.
        connect: String,
        /// The function called for each message.
        message: String,
        /// The function called when a client leaves.
        disconnect: String,
        /// The first name that it had, by which providers go on knowing it: a new name in the manifest then makes no new object.
        was: FirstName,
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

impl SocketSection {
    pub(crate) fn lower(self, span: Span, check: &mut Check<'_>) -> Socket {
        if self.connect.is_none() && self.message.is_none() && self.disconnect.is_none() {
            let warning = Diagnostic::warning("unused-resource", span, "no function handles this socket");
            check.problems.push(warning.hint("name one: `message = \"chat-message\"`"));
        }
        let mut function = |name: Option<Spanned<String>>| check.refer(ItemKind::Function, name?);
        Socket {
            connect: function(self.connect),
            message: function(self.message),
            disconnect: function(self.disconnect),
            span,
        }
    }
}
