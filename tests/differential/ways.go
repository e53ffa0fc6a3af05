package differential

import (
	"context"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// One server describes the columns of one SELECT otherwise from one execution to the next: as the expressions that they
// are, or as the columns of the temporary table through which it went, which has no keys, other lengths and decimals of
// what is computed, and other flags. Its optimizer chooses by the values in the statement and by how many rows it believes
// the tables to have, and a shard has others than one server; a query inside another it evaluates before it chooses, if that is cheap, and where no
// row can meet the conditions then, nothing goes through a table (TestOneServerDescribesColumnsInSeveralWays). Before groups
// are made, only some columns go through the table. A generated statement passes where each column is described in one of the
// ways in which the plain server describes it.

// waysOf are the descriptions that a server has for the columns of a SELECT: of a preparation, which goes no way, and of
// executions that are told to go through a temporary table, or from table to table as they are written.
func waysOf(ctx context.Context, clients *Clients, step *Step) ([][]sqltypes.Column, error) {
	if c := clausesOf(step.SQL); c.first != "SELECT" {
		return nil, nil
	}
	var out [][]sqltypes.Column
	prepared, err := clients.Play(ctx, step, Binary)
	if err != nil {
		return nil, err
	}
	if p := prepared[0].Prepared; p != nil && p.Err == nil {
		out = append(out, p.Columns)
	}
	rest := strings.TrimLeft(step.SQL, " \t\n")[len("SELECT"):]
	texts := conditionsOtherwise(step.SQL)
	for _, hint := range []string{"SELECT SQL_BUFFER_RESULT", "SELECT STRAIGHT_JOIN", "SELECT STRAIGHT_JOIN SQL_BUFFER_RESULT",
		"SET STATEMENT join_cache_level=0 FOR SELECT STRAIGHT_JOIN"} {
		texts = append(texts, hint+rest)
	}
	for _, text := range texts {
		hinted := *step
		hinted.SQL = text
		answers, err := clients.Play(ctx, &hinted, Text)
		if err != nil {
			return nil, err
		}
		if a := answers[0]; a.Err() == nil {
			out = append(out, a.Results[0].Columns)
		}
	}
	return out, nil
}

// conditionsOtherwise are the statement with conditions that no row meets, and with conditions of which the server cannot
// say so before it runs; of a statement without a query in them there are none.
func conditionsOtherwise(sql string) []string {
	list := tokens(sql)
	from, to, queries := -1, len(sql), false
	for _, t := range list {
		word := strings.ToUpper(t.text)
		switch {
		case t.depth > 0:
			queries = queries || from >= 0 && word == "SELECT"
		case word == "WHERE":
			from = t.end
		case from >= 0 && slices.Contains([]string{"GROUP", "HAVING", "ORDER", "LIMIT", "FOR", "UNION", "EXCEPT", "INTERSECT"}, word):
			to = t.start
		default:
			continue
		}
		if to < len(sql) {
			break
		}
	}
	if !queries {
		return nil
	}
	where := sql[:from] + " (" + sql[from:to] + ")"
	return []string{where + " AND 1 = 0 " + sql[to:], where + " OR RAND() >= 0 " + sql[to:]}
}

// wayward are the classes of differences that come from the way to the answer.
var wayward = []string{"column flags", "column length", "column decimals", "column type", "column org_name"}

// goesAnotherWay reports whether heddle's answer would be the plain server's if some of that one's columns had gone another
// way: a column is described in one way or in another, never in a mixture. Joins have more ways than can be asked for: of
// theirs key and binary flags are not judged, nor whether a column that an outer join may miss is NOT NULL, which a server
// sees or does not see depending on the table that it reads first.
func (c *Comparer) goesAnotherWay(step *Step, plain, heddle, unlimited *Answer, ways [][]sqltypes.Column) bool {
	if len(plain.Results) != 1 || len(heddle.Results) != 1 {
		return false
	}
	if strings.Contains(step.SQL, " JOIN ") {
		joined := *step
		joined.Expect.TempTable = true
		step = &joined
	}
	outer := strings.Contains(step.SQL, " LEFT JOIN ")
	columns, others := slices.Clone(plain.Results[0].Columns), heddle.Results[0].Columns
	for _, way := range append([][]sqltypes.Column{plain.Results[0].Columns}, ways...) {
		if len(way) != len(columns) || len(others) != len(columns) {
			return false
		}
		for i := range columns {
			d, described := &differences{}, way[i]
			if outer {
				described.Flags = described.Flags&^sqltypes.FlagNotNull | others[i].Flags&sqltypes.FlagNotNull
			}
			if d.columns("", step.Expect, []sqltypes.Column{described}, others[i:i+1]); len(d.list) == 0 {
				columns[i] = described
			}
		}
	}
	other := *plain
	other.Results = slices.Clone(plain.Results)
	other.Results[0].Columns = columns
	return len(c.Compare(step, &other, heddle, unlimited)) == 0
}
