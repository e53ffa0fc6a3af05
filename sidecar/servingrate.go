package sidecar

import (
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
)

// rateWindow is what rates of servers are told over: long enough that a few statements a second are no noise.
const rateWindow = 5 * time.Second

// servingRate makes rates of what servers have answered since the process began.
type servingRate struct {
	looks []servingLook // the oldest first; the first is as old as the window, or older
}

type servingLook struct {
	at     time.Time
	counts map[servedAt]servedCount
}

type servedAt struct{ dataSource, server string }

type servedCount struct{ answered, failed uint64 }

// note keeps what is counted now.
func (r *servingRate) note(seen *layout.SeenBy) {
	look := servingLook{seen.At, make(map[servedAt]servedCount, len(seen.Servers))}
	for i := range seen.Servers {
		s := &seen.Servers[i]
		look.counts[servedAt{s.DataSource, s.Server}] = servedCount{s.Answered, s.Failed}
	}
	r.looks = append(r.looks, look)
	r.forget(seen.At)
}

// forget drops what is older than the window, but for the last such look.
func (r *servingRate) forget(now time.Time) {
	for len(r.looks) > 1 && now.Sub(r.looks[1].at) >= rateWindow {
		r.looks = r.looks[1:]
	}
}

// tell puts the rates into what is seen now. A server has none before it was looked at twice, nor where it counts anew, as its pool is new.
func (r *servingRate) tell(seen *layout.SeenBy) {
	r.forget(seen.At)
	for i := range seen.Servers {
		s := &seen.Servers[i]
		for _, was := range r.looks {
			n, known := was.counts[servedAt{s.DataSource, s.Server}]
			took := seen.At.Sub(was.at).Seconds()
			if !known || took <= 0 || n.answered > s.Answered || n.failed > s.Failed {
				continue
			}
			answered, failed := float64(s.Answered-n.answered)/took, float64(s.Failed-n.failed)/took
			s.PerSecond, s.FailedPerSecond = &answered, &failed
			break
		}
	}
}
