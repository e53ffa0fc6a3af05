package rewrite_test

import (
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/router/rewrite"
)

func TestConstraintNames(t *testing.T) {
	for _, x := range []struct{ name, actual, logical, want string }{
		{"fk_user", "orders_70", "orders", "orders_70_fk_user"},
		{"orders_ibfk_1", "orders_70", "orders", "orders_70_ibfk_1"},
		{"orders_chk_2", "o", "orders", "o_chk_2"},
		{"orders_fk", "orders_70", "orders", "orders_70_orders_fk"},
		{"orders_70_fk", "orders_70", "orders", "orders_70_orders_70_fk"},
	} {
		got, ok := rewrite.ActualConstraint(x.name, x.actual, x.logical)
		if got != x.want || !ok {
			t.Errorf("%s of %s is %s, %v; want %s", x.name, x.actual, got, ok, x.want)
		}
		if back := rewrite.LogicalConstraint(got, x.actual, x.logical); back != x.name {
			t.Errorf("%s comes back as %s, want %s", got, back, x.name)
		}
	}
	for _, name := range []string{"ibfk_1", "chk_1", strings.Repeat("x", 60)} {
		if got, ok := rewrite.ActualConstraint(name, "orders_70", "orders"); ok {
			t.Errorf("%s is taken, as %s", name, got)
		}
	}
	for _, name := range []string{"fk", "orders_71_ibfk_1", "orders_70", "orders_70_"} {
		if got := rewrite.LogicalConstraint(name, "orders_70", "orders"); got != name {
			t.Errorf("%s is shown as %s", name, got)
		}
	}
}
