package sidecar

import (
	"runtime"
	"slices"
	"testing"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

// A primary that is found while the data sources are being set, as at a start, does not have them forgotten.
func TestMovedWhileSourcesAreSet(t *testing.T) {
	list := []backend.DataSource{{Name: "ds_0", Addr: "127.0.0.1:1"}, {Name: "ds_1", Addr: "127.0.0.1:1"}} // who refuses at once
	for range 20 {
		x := newTransactions("mesh", false, func(string) string { return "" }, observe.New("test").Transactions, zap.NewNop())
		x.setting.Lock() // as in the middle of set
		moved := make(chan struct{})
		go func() {
			defer close(moved)
			x.moved()
		}()
		for range 10 {
			runtime.Gosched()
		}
		x.change(list)
		x.setting.Unlock()
		<-moved
		if got := x.shards.Names(); !slices.Equal(got, []string{"ds_0", "ds_1"}) {
			t.Errorf("of two data sources %q are known", got)
		}
		x.close()
	}
}
