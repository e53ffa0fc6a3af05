package sysview

import "strings"

// table says what a table of information_schema is about, so that its rows can be put into logical names. Columns are
// named in upper case; those that a server's version lacks are passed over.
type table struct {
	scope   scope
	schemas []string    // columns that hold the schema the row belongs to; the first selects rows
	name    string      // the column that holds the table's name; "" where rows belong to a schema
	names   []string    // further columns that hold the same name
	refs    [][2]string // pairs of columns: the schema and name of another table; the schema may be one of schemas
	derived []string    // names of constraints, which a server makes from the table's name
	text    []string    // columns that hold SQL with qualified names
	each    []string    // of stored programs: columns that name one; the first place that has it counts
	lookup  bool        // rows of a schema are looked up by its name; of tables they always are

	// Shards are added up by these columns where the statement asks for them.
	sum []string
	max []string
	per []string // columns that identify a row within a table
}

// scope says where the rows of a logical database are.
type scope uint8

const (
	ofTables   scope = iota // wherever its tables are
	ofPrograms              // wherever its stored programs are
	ofDatabase              // with what belongs to the database itself
	ofClients               // with the proxy: its sessions
	nobody                  // there are none: the account model has none of these
	asItIs                  // the same on every server: nothing to do with schemas
)

var tables = map[string]table{
	"TABLES": {
		schemas: []string{"TABLE_SCHEMA"}, name: "TABLE_NAME",
		sum: []string{"TABLE_ROWS", "DATA_LENGTH", "INDEX_LENGTH", "DATA_FREE"},
		max: []string{"AUTO_INCREMENT", "CREATE_TIME", "UPDATE_TIME", "CHECK_TIME"},
	},
	"COLUMNS": {schemas: []string{"TABLE_SCHEMA"}, name: "TABLE_NAME"},
	"STATISTICS": {
		schemas: []string{"TABLE_SCHEMA", "INDEX_SCHEMA"}, name: "TABLE_NAME",
		sum: []string{"CARDINALITY"}, per: []string{"INDEX_NAME", "SEQ_IN_INDEX"},
	},
	"KEY_COLUMN_USAGE": {
		schemas: []string{"TABLE_SCHEMA", "CONSTRAINT_SCHEMA"}, name: "TABLE_NAME", derived: []string{"CONSTRAINT_NAME"},
		refs: [][2]string{{"REFERENCED_TABLE_SCHEMA", "REFERENCED_TABLE_NAME"}},
	},
	"TABLE_CONSTRAINTS": {
		schemas: []string{"TABLE_SCHEMA", "CONSTRAINT_SCHEMA"}, name: "TABLE_NAME", derived: []string{"CONSTRAINT_NAME"},
	},
	"REFERENTIAL_CONSTRAINTS": {
		schemas: []string{"CONSTRAINT_SCHEMA"}, name: "TABLE_NAME", derived: []string{"CONSTRAINT_NAME"},
		refs: [][2]string{{"UNIQUE_CONSTRAINT_SCHEMA", "REFERENCED_TABLE_NAME"}},
	},
	"CHECK_CONSTRAINTS": {schemas: []string{"CONSTRAINT_SCHEMA"}, name: "TABLE_NAME", derived: []string{"CONSTRAINT_NAME"}},
	"VIEWS":             {schemas: []string{"TABLE_SCHEMA"}, name: "TABLE_NAME", text: []string{"VIEW_DEFINITION"}},
	"TRIGGERS":          {schemas: []string{"EVENT_OBJECT_SCHEMA", "TRIGGER_SCHEMA"}, name: "EVENT_OBJECT_TABLE"},
	"PARTITIONS": {
		schemas: []string{"TABLE_SCHEMA"}, name: "TABLE_NAME",
		sum: []string{"TABLE_ROWS", "DATA_LENGTH", "INDEX_LENGTH", "DATA_FREE"},
		max: []string{"CREATE_TIME", "UPDATE_TIME", "CHECK_TIME"},
		per: []string{"PARTITION_NAME", "SUBPARTITION_NAME"},
	},
	"GEOMETRY_COLUMNS": {
		schemas: []string{"G_TABLE_SCHEMA", "F_TABLE_SCHEMA"}, name: "G_TABLE_NAME", names: []string{"F_TABLE_NAME"},
	},
	"COLUMN_STATISTICS": {schemas: []string{"SCHEMA_NAME"}, name: "TABLE_NAME"},

	"SCHEMATA":   {scope: ofDatabase, schemas: []string{"SCHEMA_NAME"}, lookup: true},
	"ROUTINES":   {scope: ofPrograms, schemas: []string{"ROUTINE_SCHEMA"}, each: []string{"ROUTINE_NAME", "ROUTINE_TYPE"}},
	"PARAMETERS": {scope: ofPrograms, schemas: []string{"SPECIFIC_SCHEMA"}, each: []string{"SPECIFIC_NAME", "ROUTINE_TYPE"}},
	"EVENTS":     {scope: ofPrograms, schemas: []string{"EVENT_SCHEMA"}, each: []string{"EVENT_NAME"}},

	"PROCESSLIST": {scope: ofClients},

	"TABLE_PRIVILEGES":  {scope: nobody, schemas: []string{"TABLE_SCHEMA"}},
	"COLUMN_PRIVILEGES": {scope: nobody, schemas: []string{"TABLE_SCHEMA"}},

	"CHARACTER_SETS":                        {scope: asItIs},
	"COLLATIONS":                            {scope: asItIs},
	"COLLATION_CHARACTER_SET_APPLICABILITY": {scope: asItIs},
	"ENGINES":                               {scope: asItIs},
	"PLUGINS":                               {scope: asItIs},
	"ALL_PLUGINS":                           {scope: asItIs},
	"KEYWORDS":                              {scope: asItIs},
	"SQL_FUNCTIONS":                         {scope: asItIs},
	"GLOBAL_VARIABLES":                      {scope: asItIs},
	"SESSION_VARIABLES":                     {scope: asItIs},
	"SYSTEM_VARIABLES":                      {scope: asItIs},
	"GLOBAL_STATUS":                         {scope: asItIs},
	"SESSION_STATUS":                        {scope: asItIs},
	"USER_VARIABLES":                        {scope: asItIs},
	"SPATIAL_REF_SYS":                       {scope: asItIs},
	"ST_SPATIAL_REFERENCE_SYSTEMS":          {scope: asItIs},
	"ST_UNITS_OF_MEASURE":                   {scope: asItIs},
}

// emptyOnMariaDB are tables in which MariaDB has no rows; MySQL has file names in them.
var emptyOnMariaDB = map[string]bool{"FILES": true, "TABLESPACES": true}

// known finds a table of information_schema.
func (v *View) known(name string) (table, bool) {
	name = strings.ToUpper(name)
	if v.Mode.Flavour.MariaDB && emptyOnMariaDB[name] {
		return table{scope: asItIs}, true
	}
	t, ok := tables[name]
	return t, ok
}

// has reports whether a list of columns names one, whose case does not count.
func has(list []string, column string) bool {
	for _, name := range list {
		if strings.EqualFold(name, column) {
			return true
		}
	}
	return false
}
