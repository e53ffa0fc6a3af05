package txn

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// shape is phases in a line: what each data source answered to what.
func shape(x *Txn) string {
	var out []string
	for _, p := range x.Phases() {
		line := p.Name + ":"
		for _, s := range p.Steps {
			line += " " + s.Phase + " " + s.DataSource + " " + s.Reply.String()
			if s.Began.Before(p.Began) || s.Began.Add(s.Took).After(p.Ended) {
				line += " outside of its phase"
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

// What a transaction was followed for is told by its phases; nothing is of one that nobody follows, or on one data source.
func TestPhases(t *testing.T) {
	for _, c := range []struct {
		wrote  string
		follow bool
		fail   string // the statement that b refuses
		want   string
	}{
		{"ww", true, "", "prepare: prepare b ok; decide: decide a ok; deliver: deliver b ok"},
		{"wr", true, "", "prepare: check b ok; decide: sole a ok; deliver: close b ok"},
		{"ww", true, "XA PREPARE", "prepare: prepare b refused; abort: undo a ok undo b ok"},
		{"ww", false, "", ""},
		{"w", true, "", ""},
	} {
		x, branches := spread(t, Options{}, c.wrote)
		if c.fail != "" {
			branches[1].refuse = func(sql string) error {
				if strings.HasPrefix(sql, c.fail) {
					return sqlerr.New(1205, "HY000", "waited")
				}
				return nil
			}
		}
		if c.follow {
			x.Follow()
		}
		err := x.Commit(t.Context())
		got := strings.Replace(shape(x), "undo b ok undo a ok", "undo a ok undo b ok", 1) // at the same time
		if (err != nil) != (c.fail != "") || got != c.want {
			t.Errorf("%s, followed %v, refused %q: %v\n got %q\nwant %q", c.wrote, c.follow, c.fail, err, got, c.want)
		}
	}
}

// Errors of branches and of the log, which come from different drivers, are told apart from connections that ended.
func TestAnswered(t *testing.T) {
	for _, c := range []struct {
		err  error
		want xa.Reply
	}{
		{nil, xa.OK},
		{sqlerr.New(1205, "HY000", "waited"), xa.Refused},
		{fmt.Errorf("enter: %w", &mysql.MySQLError{Number: 1205}), xa.Refused},
		{ErrDuplicate, xa.Refused},
		{ErrUnknown, xa.Refused},
		{ErrFenced, xa.Fenced},
		{&InDoubtError{Err: mysql.ErrInvalidConn}, xa.Unreached},
		{errors.New("connection reset"), xa.Lost},
	} {
		if got := answered(c.err); got != c.want {
			t.Errorf("%v is %s, not %s", c.err, got, c.want)
		}
	}
}
