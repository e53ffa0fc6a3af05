package observe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc"
)

const (
	mostTaps = 8    // that look at once
	tapRoom  = 1024 // calls that wait for one to be written
)

// Tapped is a call that is over, as who taps calls is told of it: a line of JSON. With Missed, and nothing else, it says that so many calls were
// passed over, as they came faster than they were read.
type Tapped struct {
	At       time.Time     `json:"at,omitzero"` // it began
	Took     time.Duration `json:"took_ns,omitempty"`
	Status   int           `json:"status"`         // 0: the client was told nothing
	Code     string        `json:"code,omitempty"` // of gRPC
	Method   string        `json:"method,omitempty"`
	Host     string        `json:"host,omitempty"`
	Path     string        `json:"path,omitempty"` // without the query, which may hold what nobody else is to know
	Route    string        `json:"route,omitempty"`
	Cluster  string        `json:"cluster,omitempty"`
	Endpoint string        `json:"endpoint,omitempty"`
	Client   string        `json:"client,omitempty"`
	Identity string        `json:"identity,omitempty"`
	Retries  int           `json:"retries,omitempty"`
	Hedged   bool          `json:"hedged,omitempty"`
	Shed     string        `json:"shed,omitempty"` // its priority
	Delayed  time.Duration `json:"delayed_ns,omitempty"`
	Aborted  bool          `json:"aborted,omitempty"`
	Why      string        `json:"why,omitempty"`
	Missed   uint64        `json:"missed,omitempty"`
}

// TapFilter says which calls are of interest; what is empty is true of all.
type TapFilter struct {
	Route, Cluster, Endpoint, Identity, Method string
	Path                                       string // it begins so
	Status                                     string // 503, 5xx, or failed: 5xx, and those whose client was told nothing
	Slower                                     time.Duration
}

// Query is the filter as /mesh/tap takes it.
func (f *TapFilter) Query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"route": f.Route, "cluster": f.Cluster, "endpoint": f.Endpoint, "identity": f.Identity, "method": f.Method, "path": f.Path, "status": f.Status,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Slower > 0 {
		q.Set("slower", f.Slower.String())
	}
	return q
}

// readTapFilter is Query's inverse.
func readTapFilter(q url.Values) (*TapFilter, error) {
	f := &TapFilter{}
	into := map[string]*string{
		"route": &f.Route, "cluster": &f.Cluster, "endpoint": &f.Endpoint, "identity": &f.Identity, "method": &f.Method, "path": &f.Path, "status": &f.Status,
	}
	for name := range q {
		value := q.Get(name)
		if name == "slower" {
			var err error
			if f.Slower, err = time.ParseDuration(value); err != nil {
				return nil, fmt.Errorf("slower: %w", err)
			}
			continue
		}
		to := into[name]
		if to == nil {
			return nil, fmt.Errorf("calls have no %s to be chosen by", name)
		}
		*to = value
	}
	return f, f.Check()
}

// Check says what is wrong with the filter.
func (f *TapFilter) Check() error {
	s := f.Status
	if s == "" || s == "failed" {
		return nil
	}
	if len(s) == 3 && '0' <= s[0] && s[0] <= '9' {
		if _, err := strconv.Atoi(s); err == nil || s[1:] == "xx" {
			return nil
		}
	}
	return fmt.Errorf("a status is a number of three digits, a class (5xx) or failed, not %q", s)
}

func (f *TapFilter) admits(d *rpc.Done) bool {
	for _, pair := range [...][2]string{
		{f.Route, d.Route}, {f.Cluster, d.Cluster}, {f.Endpoint, d.Endpoint}, {f.Identity, d.Identity}, {f.Method, d.Method},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return d.Took >= f.Slower && strings.HasPrefix(d.Path, f.Path) && f.ofStatus(d.Status)
}

func (f *TapFilter) ofStatus(status int) bool {
	switch {
	case f.Status == "":
		return true
	case f.Status == "failed":
		return status == 0 || status >= http.StatusInternalServerError
	case f.Status[1:] == "xx":
		return status/100 == int(f.Status[0]-'0')
	}
	return strconv.Itoa(status) == f.Status
}

// taps are those who look at calls as they end. A call waits for none of them; without any it costs a load.
type taps struct {
	all   atomic.Pointer[[]*tap] // nil: nobody
	mu    sync.Mutex             // held to change all
	ended chan struct{}          // closed by end
	once  sync.Once
}

type tap struct {
	filter *TapFilter
	calls  chan Tapped
	missed atomic.Uint64
}

// end sends all away.
func (t *taps) end() { t.once.Do(func() { close(t.ended) }) }

// call tells of one.
func (t *taps) call(d *rpc.Done) {
	all := t.all.Load()
	if all == nil {
		return
	}
	for _, one := range *all {
		if !one.filter.admits(d) {
			continue
		}
		told := Tapped{
			At: d.Began, Took: d.Took, Status: d.Status, Code: d.Code, Method: d.Method, Host: d.Host, Path: d.Path, Route: d.Route, Cluster: d.Cluster,
			Endpoint: d.Endpoint, Client: d.Client, Identity: d.Identity, Retries: d.Retries, Hedged: d.Hedged, Shed: d.Shed, Delayed: d.Delayed,
			Aborted: d.Aborted, Why: d.Why,
		}
		select {
		case one.calls <- told:
		default:
			one.missed.Add(1)
		}
	}
}

// enter adds one; ok is false where there are enough.
func (t *taps) enter(one *tap) (ok bool) {
	return t.change(func(all []*tap) []*tap {
		if len(all) >= mostTaps {
			return nil
		}
		return append(all, one)
	})
}

func (t *taps) leave(one *tap) {
	t.change(func(all []*tap) []*tap {
		rest := all[:0]
		for _, other := range all {
			if other != one {
				rest = append(rest, other)
			}
		}
		return rest
	})
}

// change makes all be what to makes of a copy; nil: it stays.
func (t *taps) change(to func([]*tap) []*tap) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []*tap{}
	if before := t.all.Load(); before != nil {
		all = append(all, *before...)
	}
	switch all = to(all); {
	case all == nil:
		return false
	case len(all) == 0:
		t.all.Store(nil)
	default:
		t.all.Store(&all)
	}
	return true
}

// serve answers with a line for each call that ends from now on and that the query admits, until the client leaves.
func (t *taps) serve(w http.ResponseWriter, r *http.Request) {
	filter, err := readTapFilter(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	one := &tap{filter: filter, calls: make(chan Tapped, tapRoom)}
	if !t.enter(one) {
		http.Error(w, fmt.Sprintf("%d look at calls already", mostTaps), http.StatusServiceUnavailable)
		return
	}
	defer t.leave(one)
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if out.Flush() != nil { // the head, so that the client knows that it is told from now on
		return
	}
	for {
		select {
		case told := <-one.calls:
			if missed := one.missed.Swap(0); missed > 0 && enc.Encode(Tapped{Missed: missed}) != nil {
				return
			}
			if enc.Encode(told) != nil || len(one.calls) == 0 && out.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-t.ended:
			return
		}
	}
}
