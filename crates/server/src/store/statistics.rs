//! What SQLite's planner is told of the data. It would take ten rows for those of one shop, where
//! they are all there are, and walk through them instead of along an index. Told by rule, not
//! counted: the plans are the same in every installation, whatever has happened in it.

use rusqlite::{Connection, TransactionBehavior};

/// Rows of a table, where it grows.
const ROWS: u64 = 1_000_000;
/// Rows that a partial index holds: what is unfinished, waiting or open.
const FEW: u64 = 10_000;

/// How many rows of a table are alike in a column, each of the columns before being the same too.
fn alike(column: &str) -> u64 {
    match column {
        "shop" | "unit" => ROWS,
        "status" | "state" | "revert_status" | "kind" | "reason" => ROWS / 10,
        "customer" | "holder" | "staff" | "job" | "run" | "flow" | "order_id" | "name_key" => 20,
        _ => 2,
    }
}

/// One index as the planner is told of it: rows, and how many are alike in its first column, in its
/// first two, and so on.
fn told(columns: &[String], unique: bool, partial: bool) -> String {
    let rows = if partial { FEW } else { ROWS };
    let mut left = rows;
    let mut numbers = vec![rows];
    for column in columns {
        left = left.min(alike(column));
        numbers.push(left);
    }
    if unique && let Some(last) = numbers.last_mut() {
        *last = 1;
    }
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

const INDEXES: &str = "SELECT t.name, \
    CASE WHEN t.wr AND i.origin = 'pk' THEN t.name ELSE i.name END, \
    i.name, i.\"unique\", i.partial \
    FROM pragma_table_list AS t, pragma_index_list(t.name) AS i \
    WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'";
const COLUMNS: &str = "SELECT name FROM pragma_index_info(?1) ORDER BY seqno";
const TOLD: &str =
    "SELECT tbl, idx, stat FROM sqlite_stat1 WHERE idx IS NOT NULL ORDER BY tbl, idx";
const TELL: &str = "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?1, ?2, ?3)";

/// Table, index, numbers: a row of SQLite's own table of statistics.
type Row = (String, String, String);

/// Tells it, where it was told otherwise or nothing.
///
/// # Errors
/// Where the database cannot be written.
pub fn tell(connection: &mut Connection) -> rusqlite::Result<()> {
    let wanted = wanted(connection)?;
    // Fails where there are no statistics.
    if known(connection).is_ok_and(|known| known == wanted) {
        return Ok(());
    }
    // Makes their table, from a table that is small.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("ANALYZE main.schema_migration")?;
    transaction.execute("DELETE FROM sqlite_stat1", [])?;
    for row in wanted {
        transaction.execute(TELL, row)?;
    }
    transaction.commit()?;
    // Read again by this connection; by others when they are opened.
    connection.execute_batch("ANALYZE sqlite_schema")
}

fn known(connection: &Connection) -> rusqlite::Result<Vec<Row>> {
    let mut told = connection.prepare(TOLD)?;
    told.query_map([], |row| row.try_into())?.collect()
}

fn wanted(connection: &Connection) -> rusqlite::Result<Vec<Row>> {
    let mut indexes = connection.prepare(INDEXES)?;
    let mut columns = connection.prepare(COLUMNS)?;
    let mut wanted = Vec::new();
    let mut rows = indexes.query([])?;
    while let Some(row) = rows.next()? {
        let (table, told_as, name): Row = (row.get(0)?, row.get(1)?, row.get(2)?);
        let of = columns.query_map([name], |row| row.get(0))?;
        let of: Vec<String> = of.collect::<rusqlite::Result<_>>()?;
        wanted.push((table, told_as, told(&of, row.get(3)?, row.get(4)?)));
    }
    wanted.sort();
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ledger, migrate, order_lists, people, reconcile, signals};

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate::sqlite(&mut connection, 0).unwrap();
        connection
    }

    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get(3).unwrap());
        }
        steps
    }

    #[test]
    fn an_index_is_told_by_its_columns() {
        for (columns, unique, partial, expected) in [
            (&["shop", "code"][..], true, false, "1000000 1000000 1"),
            (&["shop", "status", "created_at", "code"], false, false, "1000000 1000000 100000 2 2"),
            (&["shop", "customer", "at"], false, false, "1000000 1000000 20 2"),
            (&["due_at"], false, true, "10000 2"),
            (&["shop", "reason", "created_at"], false, true, "10000 10000 10000 2"),
        ] {
            let columns: Vec<_> = columns.iter().map(|&column| column.to_owned()).collect();
            assert_eq!(told(&columns, unique, partial), expected, "{columns:?}");
        }
    }

    /// Without what it is told, each of them walks through all rows of the shop.
    #[test]
    fn nothing_walks_through_all_rows_of_a_shop() {
        let mut connection = database();
        let walks = |connection: &Connection| {
            let reads =
                [ledger::TAKEN, signals::BETWEEN, order_lists::WITH_COUPON, reconcile::MADE];
            let all = people::MOVES.into_iter().chain(reads);
            let walk = |sql: &&str| {
                let steps = plan(connection, sql);
                steps.iter().any(|step| step.ends_with("(shop=?)") || step.starts_with("SCAN"))
            };
            all.filter(walk).collect::<Vec<_>>()
        };
        assert_eq!(walks(&connection).len(), 8);
        tell(&mut connection).unwrap();
        assert_eq!(walks(&connection), Vec::<&str>::new());
        let under_way = plan(&connection, people::UNDER_WAY);
        assert!(!under_way.iter().any(|step| step.starts_with("SCAN flow")), "{under_way:?}");
    }

    #[test]
    fn it_is_told_once() {
        let mut connection = database();
        tell(&mut connection).unwrap();
        let before = connection.total_changes();
        tell(&mut connection).unwrap();
        assert_eq!(connection.total_changes(), before);
        connection.execute_batch("ANALYZE").unwrap();
        tell(&mut connection).unwrap();
        assert_eq!(known(&connection), wanted(&connection));
    }
}
