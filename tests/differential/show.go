package differential

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// shownRows of a result are printed with a difference.
const shownRows = 40

func showRows(r *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "      %s\n", strings.Join(labels(r.Columns), " | "))
	for i, row := range r.Rows {
		if i == shownRows {
			fmt.Fprintf(&b, "      … %d more\n", len(r.Rows)-i)
			break
		}
		var cells []string
		for _, cell := range row.Cells {
			if cell == nil {
				cells = append(cells, "NULL")
				continue
			}
			cells = append(cells, fmt.Sprintf("%.80q", cell))
		}
		fmt.Fprintf(&b, "      %s\n", strings.Join(cells, " | "))
	}
	return strings.TrimRight(b.String(), "\n")
}

func labels(cols []sqltypes.Column) []string {
	var out []string
	for i := range cols {
		out = append(out, cols[i].Name)
	}
	return out
}

func showResult(r *Result) string {
	switch {
	case r.Err != nil:
		return fmt.Sprintf("error %s %s", showErr(r.Err), r.Err.Msg)
	case r.Columns == nil:
		return fmt.Sprintf("OK, %d rows affected", r.End.AffectedRows)
	}
	return fmt.Sprintf("%d rows of %d columns", len(r.Rows), len(r.Columns))
}

func describe(a *Answer) string {
	if a.Prepared != nil && a.Prepared.Err != nil {
		return "error of the preparation " + showErr(a.Prepared.Err)
	}
	var out []string
	for i := range a.Results {
		out = append(out, showResult(&a.Results[i]))
	}
	return strings.Join(out, "; ")
}

var statusNames = []struct {
	flag wire.Status
	name string
}{
	{wire.StatusInTrans, "in_trans"}, {wire.StatusAutocommit, "autocommit"}, {wire.StatusMoreResults, "more_results"},
	{wire.StatusNoBackslashEscapes, "no_backslash_escapes"}, {wire.StatusInTransReadonly, "in_trans_readonly"},
	{wire.StatusAnsiQuotes, "ansi_quotes"}, {wire.StatusDBDropped, "db_dropped"},
}

func showStatus(s wire.Status) string {
	var out []string
	for _, n := range statusNames {
		if s&comparedStatus&n.flag != 0 {
			out = append(out, n.name)
		}
	}
	return strings.Join(out, "|")
}

// showTrack is what an OK tells of the session, without an order: that of variables hangs on where a server has them.
func showTrack(track []byte) string {
	var list []string
	err := wire.SessionChanges(track, func(c wire.SessionChange) bool {
		list = append(list, fmt.Sprintf("%d %s=%s", c.Kind, c.Name, c.Value))
		return true
	})
	if err != nil {
		return err.Error()
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}
