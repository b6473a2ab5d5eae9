//! The database's tables, and how an older database becomes one of today's.

use rusqlite::{Connection, TransactionBehavior};

use crate::DataError;

/// Each brings the schema from one version to the next; `user_version` counts those that were applied. One that was released never changes.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql")];

/// Brings the database to this program's version; refuses one that a newer program made.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), DataError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(done..) else {
        return Err(DataError::storage(format!(
            "the host's database has version {version}, this sf knows versions up to {}: a newer sf has used it",
            MIGRATIONS.len()
        )));
    };
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_a_newer_program_is_refused_with_both_versions() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut connection).unwrap_err();
        assert!(error.message.contains("version 99") && error.message.contains("up to 1"), "{error}");
    }
}
