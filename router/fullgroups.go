package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// Under ONLY_FULL_GROUP_BY a server looks at whether the select list says no more than GROUP BY does. It is the client's
// statement that this is for: what is added to compare groups, or is kept apart of an expression over them, would often
// be refused where the statement is not. So the client's text is described first, by a server with that mode; what is made
// of it then runs without it. MySQL sees which expressions follow from others, and has no way to tell it for a statement.

// freeGroups takes the mode from one statement.
const freeGroups = "sql_mode=REPLACE(@@sql_mode,'ONLY_FULL_GROUP_BY','')"

// judgeGroups has a server judge the client's own groups.
func (f *fanOut) judgeGroups() error {
	mode := f.p.env.Mode
	if !mode.SQLMode.Has(parser.OnlyFullGroupBy) || !mode.Flavour.MariaDB {
		return nil
	}
	if err := f.describe(nil); err != nil {
		return err
	}
	for _, at := range f.p.stmt.Uses.At {
		if at.Use == parser.UseSysVar && strings.EqualFold(at.Name, "sql_mode") {
			return f.p.refuse("@@sql_mode beside groups under ONLY_FULL_GROUP_BY over several shards")
		}
	}
	f.p.groupsJudged = true
	return nil
}

// setStatement puts variables of one statement in front of it.
func setStatement(vars ...string) []rewrite.Piece {
	var set []string
	for _, v := range vars {
		if v != "" {
			set = append(set, v)
		}
	}
	if set == nil {
		return nil
	}
	return []rewrite.Piece{text("SET STATEMENT " + strings.Join(set, ", ") + " FOR ")}
}

// groupsMode is what a statement sets whose groups have been judged.
func (p *planning) groupsMode() string {
	if p.groupsJudged {
		return freeGroups
	}
	return ""
}
