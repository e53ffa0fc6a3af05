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
// executions that are told to go through a temporary table, or from table to table in each order.
func waysOf(ctx context.Context, clients *Clients, step *Step) ([][]sqltypes.Column, error) {
	set, sql := "", strings.TrimLeft(step.SQL, " \t\n")
	if at := strings.Index(sql, " FOR SELECT "); at >= 0 && strings.HasPrefix(sql, "SET STATEMENT ") {
		set, sql = sql[len("SET STATEMENT "):at], sql[at+len(" FOR "):]
	}
	if c := clausesOf(sql); c.first != "SELECT" {
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
	rest := sql[len("SELECT"):]
	texts := append(conditionsOtherwise(sql), joinOrders(sql)...)
	for _, hint := range []string{"SELECT SQL_BUFFER_RESULT", "SELECT STRAIGHT_JOIN", "SELECT STRAIGHT_JOIN SQL_BUFFER_RESULT",
		"SET STATEMENT join_cache_level=0 FOR SELECT STRAIGHT_JOIN"} {
		texts = append(texts, hint+rest)
	}
	for _, text := range texts {
		hinted := *step
		switch {
		case set != "" && strings.HasPrefix(text, "SET STATEMENT "):
			text = strings.Replace(text, "SET STATEMENT ", "SET STATEMENT "+set+", ", 1)
		case set != "":
			text = "SET STATEMENT " + set + " FOR " + text
		}
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

// clauseWords end a FROM or WHERE clause.
var clauseWords = []string{"WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "FOR", "UNION", "EXCEPT", "INTERSECT"}

// clause is the place of the FROM or WHERE clause of the statement itself, without its word; from is -1 where there is none.
func clause(list []token, sql, word string) (from, to int) {
	from, to = -1, len(sql)
	for _, t := range list {
		switch up := strings.ToUpper(t.text); {
		case t.depth > 0 || t.kind != 'w':
		case from >= 0 && slices.Contains(clauseWords, up):
			return from, t.start
		case from < 0 && up == word:
			from = t.end
		}
	}
	return from, to
}

// conditionsOtherwise are the statement with conditions that no row meets, and with conditions of which the server cannot
// say so before it runs; of a statement without a query in them there are none.
func conditionsOtherwise(sql string) []string {
	from, to := clause(tokens(sql), sql, "WHERE")
	if from < 0 || !strings.Contains(sql[from:to], "(SELECT") {
		return nil
	}
	where := sql[:from] + " (" + sql[from:to] + ")"
	return []string{where + " AND 1 = 0 " + sql[to:], where + " OR RAND() >= 0 " + sql[to:]}
}

// impossibleOrNone reports whether the difference is that one side has looked at the rows of an UPDATE and found none, while
// the other saw beforehand that there are none, which servers tell by silence. How far a server sees hangs on how many row
// values a list has, and a shard is sent its own ones only.
func impossibleOrNone(sql string, d *Difference) bool {
	const none = "Rows matched: 0  Changed: 0  Warnings: 0"
	return d.What == "info" && d.Plain+d.Heddle == none && strings.Contains(sql, ") IN ((")
}

// joinOrders are the statement with its tables joined in each order, told to the server; outer joins are those that its
// conditions make inner ones.
func joinOrders(sql string) []string {
	list := tokens(sql)
	from, to := clause(list, sql, "FROM")
	var tables, conditions []string
	start, joined := from, false // of what is being read, a table or a condition
	take := func(end int) {
		part := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(sql[start:end]), "LEFT"))
		if joined {
			conditions = append(conditions, part)
		} else {
			tables = append(tables, part)
		}
	}
	for _, t := range list {
		if t.start < from || t.end > to || t.depth > 0 {
			continue
		}
		switch t.text {
		case "JOIN":
			take(t.start)
			start, joined = t.end, false
		case "ON":
			take(t.start)
			start, joined = t.end, true
		}
	}
	if from < 0 || len(tables) == 0 {
		return nil
	}
	take(to)
	rest := sql[to:]
	if at, end := clause(list, sql, "WHERE"); at >= 0 {
		conditions, rest = append(conditions, "("+sql[at:end]+")"), sql[end:]
	}
	head := "SELECT STRAIGHT_JOIN" + strings.TrimLeft(sql[:from], " \t\n")[len("SELECT"):] + " "
	var out []string
	permute(tables, func(order []string) {
		out = append(out, head+strings.Join(order, ", ")+" WHERE "+strings.Join(conditions, " AND ")+" "+rest)
	})
	return out
}

// permute gives all orders of a list.
func permute(list []string, each func([]string)) {
	var place func(n int)
	place = func(n int) {
		if n == len(list) {
			each(list)
			return
		}
		for i := n; i < len(list); i++ {
			list[n], list[i] = list[i], list[n]
			place(n + 1)
			list[n], list[i] = list[i], list[n]
		}
	}
	place(0)
}

// wayward are the classes of differences that come from the way to the answer.
var wayward = []string{"column flags", "column length", "column decimals", "column type", "column org_name", "column org_table", "column table", "column schema"}

// goesAnotherWay reports whether heddle's answer would be the plain server's if some of that one's columns had gone another
// way: a column is described in one way or in another, never in a mixture.
func (c *Comparer) goesAnotherWay(step *Step, plain, heddle, unlimited *Answer, ways [][]sqltypes.Column) bool {
	if len(plain.Results) != 1 || len(heddle.Results) != 1 {
		return false
	}
	columns, others := slices.Clone(plain.Results[0].Columns), heddle.Results[0].Columns
	for _, way := range append([][]sqltypes.Column{plain.Results[0].Columns}, ways...) {
		if len(way) != len(columns) || len(others) != len(columns) {
			return false
		}
		for i := range columns {
			d := &differences{}
			if d.columns("", step.Expect, way[i:i+1], others[i:i+1]); len(d.list) == 0 {
				columns[i] = way[i]
			}
		}
	}
	other := *plain
	other.Results = slices.Clone(plain.Results)
	other.Results[0].Columns = columns
	return len(c.Compare(step, &other, heddle, unlimited)) == 0
}
