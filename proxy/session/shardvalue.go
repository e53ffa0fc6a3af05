package session

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// SET heddle_shard_value gives the value of tables that are sharded by hint to all statements of the session, for
// clients that cannot put comments into their texts: a number for all such tables, or 'orders=3, items=4'. A hint of the
// statement's own goes before it. NULL, DEFAULT and '' take it back.

// shardValueVar is the variable's name.
const shardValueVar = "heddle_shard_value"

// setShardValue is SET heddle_shard_value.
func (s *Session) setShardValue(ctx context.Context, x *execution) error {
	set := x.st.parsed.Set
	if len(set) != 1 || set[0].Scope == parser.ScopeGlobal || set[0].Scope == parser.ScopePersist || set[0].Scope == parser.ScopePersistOnly {
		return s.writeError(sqlerr.NotSupported("SET " + shardValueVar + " together with others, or not for the session"))
	}
	v := sqltypes.NullValue
	if !set[0].Default {
		var err error
		if v, err = s.assignedValue(ctx, x, &set[0]); err != nil {
			return s.writeError(err)
		}
	}
	values, err := parseShardValues(v)
	if err != nil {
		return s.writeError(err)
	}
	return s.respond(s.setShardValues(values))
}

// assignedValue is the value of an assignment.
func (s *Session) assignedValue(ctx context.Context, x *execution, a *parser.Assignment) (sqltypes.Value, error) {
	if a.Arg >= 0 {
		return x.args.Value(a.Arg)
	}
	values, _, err := s.evaluate(ctx, a.Value.In(x.st.parsed.Text))
	if err != nil {
		return sqltypes.NullValue, err
	}
	return values[0], nil
}

func parseShardValues(v sqltypes.Value) (map[string]int64, error) {
	text := strings.TrimSpace(string(v.AppendText(nil)))
	if v.IsNull() || text == "" {
		return nil, nil
	}
	out := map[string]int64{}
	for part := range strings.SplitSeq(text, ",") {
		table, value, named := strings.Cut(part, "=")
		if !named {
			table, value = "", part
		}
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		table = strings.ToLower(strings.TrimSpace(table))
		if _, twice := out[table]; err != nil || twice || named && table == "" {
			return nil, sqlerr.WrongValueForVariable(shardValueVar, text)
		}
		out[table] = n
	}
	return out, nil
}

// setShardValues takes the values over, if there is room for them.
func (s *Session) setShardValues(values map[string]int64) error {
	if err := s.memory.Reserve(shardValues, shardValueWeight(values)); err != nil {
		return err
	}
	s.memory.Release(shardValueWeight(s.shardValues))
	s.shardValues, s.hinted, s.router.ShardValue = values, "", nil
	if len(values) == 0 {
		return nil
	}
	var tables []string
	for t := range values {
		tables = append(tables, t)
	}
	slices.Sort(tables)
	s.hinted = "=" + strings.Join(tables, "=")
	s.router.ShardValue = func(table string) (int64, bool) {
		n, ok := values[strings.ToLower(table)]
		if !ok {
			n, ok = values[""]
		}
		return n, ok
	}
	return nil
}

// shardValueWeight is about what values hold, with the names in order beside them.
func shardValueWeight(values map[string]int64) (bytes int64) {
	for table := range values {
		bytes += int64(3*len(table) + 64)
	}
	return bytes
}

// hintedTables are the tables for which the session gives a value.
func (s *Session) hintedTables() []string {
	if s.hinted == "" {
		return nil
	}
	return strings.Split(s.hinted[1:], "=")
}

// shardValueText is what SELECT @@heddle_shard_value answers, as SQL.
func (s *Session) shardValueText() string {
	if s.hinted == "" {
		return "NULL"
	}
	return systemText(s.shardValueSaid())
}

// shardValueSaid is the variable's value; "" where it has none.
func (s *Session) shardValueSaid() string {
	var parts []string
	for _, t := range s.hintedTables() {
		part := strconv.FormatInt(s.shardValues[t], 10)
		if t != "" {
			part = t + "=" + part
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}
