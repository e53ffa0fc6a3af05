package admin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// alive writes the record of a living instance.
func alive(t *testing.T, d *Documents, name string, labels map[string]string) {
	t.Helper()
	data, err := layout.Instance{Name: name, Labels: labels}.Encode()
	if err == nil {
		err = store.Write(t.Context(), d.cfg.Store, store.Put(layout.InstanceKey(name), data))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func try(t *testing.T, d *Documents, by, text, canary string) (Result, error) {
	t.Helper()
	c, err := layout.ParseCanary(canary)
	if err != nil {
		t.Fatal(err)
	}
	return d.Apply(t.Context(), Application{Name: "shop", Document: []byte(text), Author: by, Comment: "try it", Base: AnyBase, Canary: &c})
}

func TestCanaryIsPromotedOrAborted(t *testing.T) {
	d, _ := newDocuments(t)
	apply(t, d, "ann", "p1\none", 0)
	for _, name := range []string{"a", "b", "c"} {
		alive(t, d, name, map[string]string{"zone": "z" + name})
	}
	for i, end := range []string{layout.Promoted, layout.Aborted} {
		was, err := d.Get(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("p1\ntry %d", i)
		res, err := try(t, d, "ann", text, "zone=zb")
		if err != nil || !slices.Equal(res.Chosen, []string{"b"}) {
			t.Fatalf("%+v, %v", res, err)
		}
		p := res.Pointer
		if p.Version != was.Pointer.Version || p.Canary.Version <= p.Version || p.Canary.By != "ann" || p.Serial <= was.Pointer.Serial {
			t.Errorf("%+v", p)
		}
		if p.For("b", map[string]string{"zone": "zb"}) != p.Canary.Version || p.For("a", map[string]string{"zone": "za"}) != p.Version {
			t.Errorf("who runs what: %+v", p)
		}
		if now, err := d.Get(t.Context(), "shop"); err != nil || now.Version.Text != was.Version.Text {
			t.Errorf("what is in force: %+v, %v", now, err)
		}
		// Nobody changes the document under the canary; who tries is told whose it is.
		var conflict *Conflict
		_, err = d.Apply(t.Context(), Application{Name: "shop", Document: []byte("p1\nbob"), Author: "bob", Base: AnyBase})
		if !errors.As(err, &conflict) || !strings.Contains(err.Error(), "runs as a canary on zone=zb, by ann at 1970-01-01") {
			t.Errorf("apply: %v", err)
		}
		if _, err := try(t, d, "bob", "p1\nbob", "share=50%"); !errors.As(err, &conflict) {
			t.Errorf("a second canary: %v", err)
		}
		if _, err := d.Rollback(t.Context(), "shop", 1, "bob", "", AnyBase); !errors.As(err, &conflict) {
			t.Errorf("rollback: %v", err)
		}
		if _, err := d.Drop(t.Context(), "shop", "bob", "", AnyBase); !errors.As(err, &conflict) {
			t.Errorf("drop: %v", err)
		}
		want := was.Pointer.Version
		if end == layout.Promoted {
			want = p.Canary.Version
			res, err = d.Promote(t.Context(), "shop", "bob", "", false)
		} else {
			res, err = d.Abort(t.Context(), "shop", "bob", "")
		}
		if err != nil || res.Pointer.Canary != nil || res.Pointer.Version != want || res.Pointer.Reason != end || res.Pointer.By != "bob" {
			t.Errorf("%s: %+v, %v", end, res.Pointer, err)
		}
		if _, err := d.Abort(t.Context(), "shop", "bob", ""); !errors.Is(err, ErrNoCanary) {
			t.Errorf("a second end: %v", err)
		}
	}
	h, err := d.History(t.Context(), "shop")
	if err != nil || len(h.Moves) != 5 || h.Moves[1].Canary == nil {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestCanaryRefused(t *testing.T) {
	d, _ := newDocuments(t)
	apply(t, d, "ann", "p1\none", 0)
	if _, err := try(t, d, "ann", "p1\ntwo", "share=20%"); !errors.Is(err, ErrNobody) {
		t.Errorf("without an instance: %v", err)
	}
	alive(t, d, "a", nil)
	if _, err := try(t, d, "ann", "p1\ntwo", "instance=b"); !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "there are: a") {
		t.Errorf("of an instance that does not live: %v", err)
	}
	if _, err := try(t, d, "ann", "p2\ntwo", "instance=a"); !errors.Is(err, ErrPlacement) || !strings.Contains(err.Error(), "[t]") {
		t.Errorf("of a change of placement: %v", err)
	}
	var invalid *Invalid
	if _, err := try(t, d, "ann", "p1\nbad", "instance=a"); !errors.As(err, &invalid) {
		t.Errorf("of an invalid document: %v", err)
	}
	c := layout.Canary{Instances: []string{"a"}}
	if _, err := d.Apply(t.Context(), Application{Name: "new", Document: []byte("p1"), Author: "ann", Base: AnyBase, Canary: &c}); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a new document: %v", err)
	}
	if _, err := d.Promote(t.Context(), "shop", "ann", "", false); !errors.Is(err, ErrNoCanary) {
		t.Errorf("promotion of none: %v", err)
	}
	if now, err := d.Get(t.Context(), "shop"); err != nil || now.Pointer.Version != 1 || now.Pointer.Canary != nil {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestPromotionOfWhatAnInstanceRefused(t *testing.T) {
	d, _ := newDocuments(t)
	apply(t, d, "ann", "p1\none", 0)
	alive(t, d, "a", nil)
	res, err := try(t, d, "ann", "p1\ntwo", "instance=a")
	if err != nil {
		t.Fatal(err)
	}
	status, err := layout.Status{Instance: "a", Documents: map[string]layout.DocumentStatus{"shop": {Version: 1, Serial: 1, Refused: res.Pointer.Canary.Version, Problem: "no such file"}}}.Encode()
	if err == nil {
		err = store.Write(t.Context(), d.cfg.Store, store.Put(layout.StatusOf(d.cfg.Kind, "a"), status))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Promote(t.Context(), "shop", "ann", "", false); err == nil || !strings.Contains(err.Error(), "a could not adopt it: no such file") {
		t.Errorf("%v", err)
	}
	if _, err := d.Promote(t.Context(), "shop", "ann", "", true); err != nil {
		t.Errorf("by force: %v", err)
	}
}

// TestShareIsOfTheInstances: so many of those that live as the share says, the same for everybody who asks, and others for
// another version.
func TestShareIsOfTheInstances(t *testing.T) {
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("proxy-%d", i))
	}
	different := false
	var first []string
	for version := int64(1); version < 6; version++ {
		for share, want := range map[int]int{1: 1, 20: 10, 50: 25, 100: 50} {
			c := layout.Canary{Version: version, Share: share, Time: time.Now()}
			c.Draw(names)
			var chosen []string
			for _, n := range names {
				if c.Covers(n, nil) {
					chosen = append(chosen, n)
				}
			}
			if len(chosen) != want {
				t.Errorf("version %d, share %d%%: %d instances, not %d", version, share, len(chosen), want)
			}
			if share == 20 {
				different = different || first != nil && !slices.Equal(first, chosen)
				first = chosen
			}
		}
	}
	if !different {
		t.Error("the same instances try every version")
	}
}
