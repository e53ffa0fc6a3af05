package router

import (
	"errors"
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
)

// Env is what planning has to know of the session.
type Env struct {
	Database          string // the connection's logical database; "": none
	User              string // the client's
	Mode              parser.Mode
	Limited           bool // the account may not use the whole server
	Locked            bool // the session has locked tables
	NoAutoValueOnZero bool // sql_mode holds NO_AUTO_VALUE_ON_ZERO
	// Hinted names, in lower case, the tables for which the session gives a hint's value (Router.ShardValue); "" is all.
	Hinted []string
	// Temporary are the session's temporary tables that the statement names. A plan with them is for this session, and for as
	// long as they are what they are.
	Temporary []Temporary
}

// Temporary is a temporary table of a session. It is on one connection and hides every other table of its name.
type Temporary struct {
	DataSource string
	Schema     *catalog.TableSchema // its logical database and name in it
}

// Facts are the answers that the caller gathered for one statement. The zero Facts knows nothing.
type Facts struct {
	// Columns are the answers to NeedColumns, by its Key.
	Columns map[string][]sqltypes.Column
	// Refused are the drafts that a server had no answer for but an error, where NeedColumns allowed that.
	Refused map[string]bool
	// Scatter makes the planner look at no condition on sharding keys: set it after Route answered *KeyUnknown.
	Scatter bool
	// Collations names the servers' collations by id (information_schema.COLLATION_CHARACTER_SET_APPLICABILITY).
	Collations map[uint16]string
	// Given are, by argument of the statement, what stands for parameters in drafts: expressions of the types that an execution
	// gives them; "" for what is no parameter, or may have any type. A plan with them is for parameters of these types only.
	Given []string
	// Reread are the databases whose stored programs were read for this statement.
	Reread map[string]bool

	parts map[string]*parser.Statement // of the statement, by their texts: planning again does not read them again
}

// parse reads the text of a part once.
func (f *Facts) parse(text string, mode parser.Mode) (*parser.Statement, error) {
	if stmt := f.parts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := parser.Parse(text, mode)
	if err != nil {
		return nil, err
	}
	if f.parts == nil {
		f.parts = map[string]*parser.Statement{}
	}
	f.parts[text] = stmt
	return stmt, nil
}

// GivenBytes begins what is given of a byte string.
const GivenBytes = "_binary"

// Name is a logical table.
type Name struct{ Database, Table string }

// NeedTables asks for table schemas: load them into the snapshot and plan again. A table that does not exist has to
// be known as such, or the question comes back.
type NeedTables struct{ Names []Name }

// Error implements error.
func (n *NeedTables) Error() string {
	parts := make([]string, len(n.Names))
	for i, name := range n.Names {
		parts[i] = name.Database + "." + name.Table
	}
	return "the schemas of " + strings.Join(parts, ", ") + " are needed"
}

// NeedPrograms asks for what data sources keep of a database: load it into the snapshot, set Facts.Reread and plan again.
type NeedPrograms struct {
	Database    string
	DataSources []string
}

// Error implements error.
func (n *NeedPrograms) Error() string {
	return "the stored programs of " + n.Database + " on " + strings.Join(n.DataSources, ", ") + " are needed"
}

// NeedColumns asks for the columns of a draft: have a server describe SQL at Target by COM_STMT_PREPARE, without
// running it, on a connection whose character_set_results is NULL (else the collations that it reports are the client's) and that negotiated MariaDB's extended metadata
// where the server has it (else UUID and INET6 look like text). Put the answer into Facts.Columns[Key] and plan again.
type NeedColumns struct {
	Target *plan.Target
	Route  *plan.Route // whose target it is: it knows the logical names of what an error may name
	SQL    string
	Key    string
	Own    string // the statement that SQL is made of, with the target's names: what a server says of this is the client's error
	// MayFail: a server's error is an answer too. It goes into Facts.Refused.
	MayFail bool
	// Also are drafts of other parts of the statement, which want the same: Each goes over all.
	Also []*NeedColumns
}

// Each goes over the drafts, this one first.
func (n *NeedColumns) Each(yield func(*NeedColumns) bool) {
	if !yield(n) {
		return
	}
	for _, also := range n.Also {
		for need := range also.Each {
			if !yield(need) {
				return
			}
		}
	}
}

// needs gathers what parts of a statement ask for, so that many parts do not take many turns.
type needs struct{ columns *NeedColumns }

// take keeps the question that an error is; false: it is none, and ends the planning.
func (n *needs) take(err error) bool {
	need, ok := errors.AsType[*NeedColumns](err)
	switch {
	case !ok:
		return false
	case n.columns == nil:
		n.columns = need
	default:
		n.columns.Also = append(n.columns.Also, need)
	}
	return true
}

// err is what was asked for, nil: nothing.
func (n *needs) err() error {
	if n.columns == nil {
		return nil
	}
	return n.columns
}

// Error implements error.
func (n *NeedColumns) Error() string {
	return fmt.Sprintf("the columns of %q are needed from %s", n.SQL, n.Target.DataSource)
}

// KeyUnknown is Route's answer where a plan for one shard meets a value whose shard cannot be told: text compared with
// a number, say, equals keys of several shards. Plan again with Facts.Scatter: the statement then runs on all shards,
// or is refused with a sentence that says what stands in the way. Such a plan must not be cached for other values.
type KeyUnknown struct{ Table string }

// Error implements error.
func (k *KeyUnknown) Error() string {
	return "a value for the sharding key of " + k.Table + " whose shard cannot be told"
}
