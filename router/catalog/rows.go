package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// The questions whose answers FromRows reads, with the physical schema and table as arguments. They name their
// columns: servers differ in what * would give.
const (
	// ColumnsQuery takes them twice: behind each column stands the table's engine, if what it does cannot be undone, or if it
	// is the one of tables that nobody creates.
	ColumnsQuery = "SELECT COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, GENERATION_EXPRESSION," +
		" (SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND (ENGINE = 'SEQUENCE' OR ENGINE IN" +
		" (SELECT ENGINE FROM information_schema.ENGINES WHERE SAVEPOINTS = 'NO')))" +
		" FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION"
	// IndexesQuery takes them twice: whose rows a full-text search weighs hangs on the table's engine.
	IndexesQuery = "SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, IF(INDEX_TYPE = 'FULLTEXT'," +
		" (SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?), NULL)" +
		" FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY INDEX_NAME, SEQ_IN_INDEX"
	// ForeignKeysQuery takes them twice as well: a server opens those tables only that a condition names.
	ForeignKeysQuery = "SELECT k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME," +
		" r.DELETE_RULE, r.UPDATE_RULE FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r" +
		" ON r.CONSTRAINT_NAME = k.CONSTRAINT_NAME WHERE k.TABLE_SCHEMA = ? AND k.TABLE_NAME = ? AND k.REFERENCED_TABLE_NAME IS NOT NULL" +
		" AND r.CONSTRAINT_SCHEMA = ? AND r.TABLE_NAME = ? ORDER BY k.CONSTRAINT_NAME, k.ORDINAL_POSITION"
)

// Row is one row of an answer: a cell per column as text, nil for NULL.
type Row [][]byte

// FromRows builds a table's schema from the answers to ColumnsQuery, IndexesQuery and ForeignKeysQuery. Names of the
// physical schema are not in it, but for foreign keys, whose referenced schema and table are as the server says:
// the caller translates them. No columns: the table does not exist, and the result is an error.
func FromRows(database, table string, columns, indexes, foreignKeys []Row) (TableSchema, error) {
	t := TableSchema{Database: database, Name: table}
	for _, r := range columns {
		if len(r) != 10 {
			return t, fmt.Errorf("catalog: columns of %s.%s: %d cells in a row, want 10", database, table, len(r))
		}
		t.Engine = string(r[9])
		t.Columns = append(t.Columns, columnFromRow(r))
	}
	if t.Engine == sequenceEngine {
		t.Engine, t.Virtual = "", true
	}
	if len(t.Columns) == 0 {
		return t, fmt.Errorf("catalog: table %s.%s has no columns", database, table)
	}
	for _, r := range indexes {
		if len(r) != 5 {
			return t, fmt.Errorf("catalog: indexes of %s.%s: %d cells in a row, want 5", database, table, len(r))
		}
		t.addIndexPart(r)
	}
	slices.SortStableFunc(t.Indexes, func(a, b Index) int {
		if primary := b2i(b.Name == Primary) - b2i(a.Name == Primary); primary != 0 {
			return primary
		}
		return strings.Compare(a.Name, b.Name)
	})
	for _, r := range foreignKeys {
		if len(r) != 7 {
			return t, fmt.Errorf("catalog: foreign keys of %s.%s: %d cells in a row, want 7", database, table, len(r))
		}
		t.addForeignKeyPart(r)
	}
	return t, nil
}

// sequenceEngine is MariaDB's whose tables of numbers, seq_1_to_10_step_3, are there as soon as they are named.
const sequenceEngine = "SEQUENCE"

// Primary is the name of every primary key.
const Primary = "PRIMARY"

func columnFromRow(r Row) Column {
	extra := strings.ToLower(string(r[7]))
	c := Column{
		Name:          string(r[0]),
		Type:          string(r[1]),
		DataType:      strings.ToLower(string(r[2])),
		Charset:       string(r[3]),
		Collation:     string(r[4]),
		Nullable:      string(r[5]) == "YES",
		AutoIncrement: strings.Contains(extra, "auto_increment"),
		OnUpdate:      strings.Contains(extra, "on update"),
		Generated:     strings.Contains(extra, "virtual generated") || strings.Contains(extra, "stored generated") || strings.Contains(extra, "persistent"),
		Invisible:     strings.Contains(extra, "invisible"),
	}
	if c.Generated {
		c.Expression = string(r[8])
	}
	// MariaDB writes the implicit default of a nullable column as the word NULL, MySQL as a NULL cell.
	if d := r[6]; d != nil && string(d) != "NULL" {
		c.HasDefault, c.Default = true, string(d)
	}
	c.Key = sharding.ParseKeyType(c.Type, c.Collation, !c.Nullable)
	return c
}

func (t *TableSchema) addIndexPart(r Row) {
	name := string(r[0])
	if n := len(t.Indexes); n == 0 || t.Indexes[n-1].Name != name {
		t.Indexes = append(t.Indexes, Index{Name: name, Unique: string(r[1]) == "0", FullText: string(r[4])})
	}
	prefix, _ := strconv.Atoi(string(r[3]))
	last := &t.Indexes[len(t.Indexes)-1]
	last.Columns = append(last.Columns, IndexColumn{Name: string(r[2]), Prefix: prefix})
}

func (t *TableSchema) addForeignKeyPart(r Row) {
	name := string(r[0])
	if n := len(t.ForeignKeys); n == 0 || t.ForeignKeys[n-1].Name != name {
		t.ForeignKeys = append(t.ForeignKeys, ForeignKey{
			Name: name, RefDatabase: string(r[2]), RefTable: string(r[3]),
			OnDelete: strings.ToUpper(string(r[5])), OnUpdate: strings.ToUpper(string(r[6])),
		})
	}
	last := &t.ForeignKeys[len(t.ForeignKeys)-1]
	last.Columns = append(last.Columns, string(r[1]))
	last.RefColumns = append(last.RefColumns, string(r[4]))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
