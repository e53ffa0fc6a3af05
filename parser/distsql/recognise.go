package distsql

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
)

// opening is how a statement begins.
type opening struct {
	words  []string
	verb   Verb
	object Object
}

// openings are all beginnings, the longer before those that they begin with. Those without a verb are not read.
var openings = build(
	"REGISTER STORAGE UNIT", Register, StorageUnit,
	"ALTER STORAGE UNIT", Alter, StorageUnit,
	"UNREGISTER STORAGE UNIT", Unregister, StorageUnit,
	"SHOW STORAGE UNITS", Show, StorageUnit,
	"SHOW RULES USED STORAGE UNIT", Show, RulesUsedUnit,

	"CREATE SHARDING TABLE RULE", Create, TableRule,
	"ALTER SHARDING TABLE RULE", Alter, TableRule,
	"DROP SHARDING TABLE RULE", Drop, TableRule,
	"SHOW SHARDING TABLE RULES", Show, TableRule,
	"SHOW SHARDING TABLE RULE", Show, TableRule,
	"SHOW SHARDING TABLE NODES", Show, TableNodes,
	"SHOW SHARDING ALGORITHMS", Show, Algorithms,
	"SHOW SHARDING KEY GENERATORS", Show, KeyGenerators,
	"COUNT SHARDING RULE", Count, ShardingCount,

	"CREATE SHARDING TABLE REFERENCE RULE", Create, ReferenceRule,
	"ALTER SHARDING TABLE REFERENCE RULE", Alter, ReferenceRule,
	"DROP SHARDING TABLE REFERENCE RULE", Drop, ReferenceRule,
	"SHOW SHARDING TABLE REFERENCE RULES", Show, ReferenceRule,
	"SHOW SHARDING TABLE REFERENCE RULE", Show, ReferenceRule,

	"CREATE BROADCAST TABLE RULE", Create, BroadcastRule,
	"DROP BROADCAST TABLE RULE", Drop, BroadcastRule,
	"SHOW BROADCAST TABLE RULES", Show, BroadcastRule,

	"LOAD SINGLE TABLE", Load, SingleTable,
	"UNLOAD SINGLE TABLE", Unload, SingleTable,
	"SHOW SINGLE TABLES", Show, SingleTable,
	"SHOW SINGLE TABLE", Show, SingleTable,
	"SET DEFAULT SINGLE TABLE STORAGE UNIT", Set, SingleDefault,
	"SHOW DEFAULT SINGLE TABLE STORAGE UNIT", Show, SingleDefault,

	"CREATE READWRITE_SPLITTING RULE", Create, ReadwriteRule,
	"ALTER READWRITE_SPLITTING RULE", Alter, ReadwriteRule,
	"DROP READWRITE_SPLITTING RULE", Drop, ReadwriteRule,
	"SHOW READWRITE_SPLITTING RULES", Show, ReadwriteRule,
	"SHOW READWRITE_SPLITTING RULE", Show, ReadwriteRule,

	"SHOW STATUS FROM READWRITE_SPLITTING RULES", Show, ReadwriteStatus,
	"SHOW STATUS FROM READWRITE_SPLITTING RULE", Show, ReadwriteStatus,
	"SHOW DEFAULT SHARDING STRATEGY", Show, DefaultStrategy,
	"SHOW UNUSED SHARDING ALGORITHMS", Show, UnusedAlgorithms,
	"SHOW UNUSED SHARDING KEY GENERATORS", Show, UnusedGenerators,
	"SHOW COMPUTE NODES", Show, ComputeNodes,

	"PREVIEW", Preview, PreviewedQuery,
	"EXPORT DATABASE CONFIGURATION", Export, Configuration,
	"IMPORT DATABASE CONFIGURATION", Import, Configuration,

	"SHOW TRANSACTIONS", Show, Transactions,
	"SHOW TRANSACTION", Show, Transaction,
	"RESOLVE TRANSACTION", Resolve, Transaction,

	"CREATE DEFAULT SHARDING", "ALTER DEFAULT SHARDING", "DROP DEFAULT SHARDING", "SHOW UNUSED SHARDING",
	"SHOW SHARDING", "CREATE SHARDING", "ALTER SHARDING", "DROP SHARDING", "COUNT READWRITE_SPLITTING", "COUNT BROADCAST", "COUNT SINGLE",
	"COUNT ENCRYPT", "COUNT MASK", "COUNT SHADOW", "SHOW UNLOADED SINGLE TABLES",
	"CREATE ENCRYPT RULE", "ALTER ENCRYPT RULE", "DROP ENCRYPT RULE", "SHOW ENCRYPT", "CREATE MASK RULE", "ALTER MASK RULE", "DROP MASK RULE", "SHOW MASK",
	"CREATE SHADOW RULE", "ALTER SHADOW RULE", "DROP SHADOW RULE", "SHOW SHADOW", "SHOW COMPUTE NODE", "ENABLE COMPUTE NODE",
	"DISABLE COMPUTE NODE", "LABEL COMPUTE NODE", "UNLABEL COMPUTE NODE", "SHOW DIST VARIABLE", "SHOW DIST VARIABLES", "SET DIST VARIABLE",
	"LOCK CLUSTER", "UNLOCK CLUSTER", "REFRESH TABLE METADATA", "REFRESH DATABASE METADATA", "FORCE REFRESH DATABASE METADATA", "SHOW TABLE METADATA",
	"EXPORT METADATA", "EXPORT STORAGE NODES", "IMPORT METADATA", "CONVERT YAML CONFIGURATION", "ALTER TRANSACTION RULE", "SHOW TRANSACTION RULE",
	"ALTER SQL_FEDERATION RULE", "SHOW SQL_FEDERATION RULE", "ALTER SQL_PARSER RULE", "SHOW SQL_PARSER RULE", "SHOW AUTHORITY RULE",
	"SHOW PLUGINS OF", "SHOW LOGICAL TABLES", "PARSE", "MIGRATE TABLE", "SHOW MIGRATION",
)

// build reads the list: a beginning, and where the next two are a verb and an object, what it stands for.
func build(list ...any) []opening {
	var out []opening
	for i := 0; i < len(list); i++ {
		o := opening{words: strings.Fields(list[i].(string))}
		o.object = Object(strings.Join(o.words, " "))
		if i+2 < len(list) {
			if verb, ok := list[i+1].(Verb); ok {
				o.verb, o.object = verb, list[i+2].(Object)
				i += 2
			}
		}
		out = append(out, o)
	}
	slices.SortStableFunc(out, func(a, b opening) int { return len(b.words) - len(a.words) })
	return out
}

// Recognise reports whether a statement is one of this package's, which Parse reads or says of what is wrong with it.
func Recognise(st *parser.Statement) bool {
	_, _, ok := open(st)
	return ok
}

// open finds the beginning and the first token behind it.
func open(st *parser.Statement) (o opening, next int, ok bool) {
	if len(st.Tokens) == 0 || !mayOpen[st.Tokens[0].Word] {
		return o, 0, false
	}
	for _, o := range openings {
		if begins(st.Tokens, o.words) {
			return o, len(o.words), true
		}
	}
	return o, 0, false
}

// mayOpen are first words.
var mayOpen = func() map[string]bool {
	out := map[string]bool{}
	for _, o := range openings {
		out[o.words[0]] = true
	}
	return out
}()

func begins(tokens []parser.Token, words []string) bool {
	if len(tokens) < len(words) {
		return false
	}
	for i, w := range words {
		if tokens[i].Kind != parser.Word || tokens[i].Word != w {
			return false
		}
	}
	return true
}
