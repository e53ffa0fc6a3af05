package limit

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// service does so much work at a time, each for as long as takes says; more waits for its turn.
type service struct {
	places chan struct{}
	takes  time.Duration
}

// outcome is what became of work of a priority.
type outcome struct {
	offered, done int
	longest       time.Duration
}

// offer has work come to a service through a limit, one every so often for some time, each third of low, usual and high priority as kinds says.
func offer(a *Adaptive, s *service, every, last time.Duration, kinds []Priority) map[Priority]*outcome {
	out := map[Priority]*outcome{}
	for _, p := range kinds {
		out[p] = &outcome{}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	end := time.Now().Add(last)
	for i := 0; time.Now().Before(end); i++ {
		p := kinds[i%len(kinds)]
		o := out[p]
		o.offered++
		began := time.Now()
		if a.Enter(p) {
			all.Go(func() {
				s.places <- struct{}{}
				time.Sleep(s.takes)
				<-s.places
				took := time.Since(began)
				a.Leave(began, took, time.Now())
				mu.Lock()
				o.done++
				o.longest = max(o.longest, took)
				mu.Unlock()
			})
		}
		time.Sleep(every)
	}
	all.Wait()
	return out
}

// A service that is offered three times what it can do does all that it can, and what it does takes little longer than it has to.
func TestAdaptiveFindsTheCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdaptive(Concurrency{Least: 3, Most: 1000, Tolerance: 25})
		s := &service{make(chan struct{}, 10), 10 * time.Millisecond}
		const every = 10 * time.Millisecond / 10 / 3
		offer(a, s, every, 5*time.Second, []Priority{Normal}) // it finds its place
		if n := a.State().Limit; n < 10 || n > 25 {
			t.Errorf("the limit is %d for a service of 10", n)
		}
		o := offer(a, s, every, 40*time.Second, []Priority{Normal})[Normal] // a probe among it
		if could := 40 * 1000; o.done < could*9/10 || o.done > could+100 {
			t.Errorf("%d of %d are done, of which %d could be", o.done, o.offered, could)
		}
		if o.longest > 30*time.Millisecond {
			t.Errorf("some takes %v", o.longest)
		}
	})
}

// What is asked for less than it can do is not turned away, and the limit does not grow for nothing.
func TestAdaptiveTurnsNothingAwayInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdaptive(Concurrency{Least: 3, Most: 1000, Tolerance: 25})
		s := &service{make(chan struct{}, 10), 10 * time.Millisecond}
		o := offer(a, s, 2*time.Millisecond, time.Minute, []Priority{Normal})[Normal] // five at a time
		if o.done != o.offered || o.longest > 10*time.Millisecond {
			t.Errorf("%d of %d are done, in %v at most", o.done, o.offered, o.longest)
		}
		if n := a.State().Limit; n > 25 {
			t.Errorf("the limit is %d for five at a time", n)
		}
	})
}

// Under a load of twice what can be done low priority is turned away first, and high priority not.
func TestAdaptiveKeepsPriorities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdaptive(Concurrency{Least: 3, Most: 1000, Tolerance: 25})
		s := &service{make(chan struct{}, 10), 10 * time.Millisecond}
		kinds := []Priority{Low, Normal, High, Low, Normal, Low}
		offer(a, s, 500*time.Microsecond, 5*time.Second, kinds)
		out := offer(a, s, 500*time.Microsecond, 20*time.Second, kinds)
		share := func(p Priority) float64 { return float64(out[p].done) / float64(out[p].offered) }
		if share(High) < 0.99 || share(Normal) < share(Low)+0.2 {
			t.Errorf("of high priority %.2f are done, of the usual %.2f, of low %.2f", share(High), share(Normal), share(Low))
		}
	})
}

// A service that has become slower, with as many places, is given as much at a time as before, once that has been found out.
func TestAdaptiveFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdaptive(Concurrency{Least: 3, Most: 1000, Tolerance: 25})
		s := &service{make(chan struct{}, 10), 10 * time.Millisecond}
		const every = 10 * time.Millisecond / 10 / 2
		offer(a, s, every, 5*time.Second, []Priority{Normal})
		s.takes = 40 * time.Millisecond
		offer(a, s, every, probing+10*time.Second, []Priority{Normal})
		o := offer(a, s, every, 10*time.Second, []Priority{Normal})[Normal]
		if could := 10 * 250; o.done < could*8/10 {
			t.Errorf("%d are done, of which %d could be", o.done, could)
		}
		s.takes = 10 * time.Millisecond
		offer(a, s, every, 5*time.Second, []Priority{Normal})
		if least := a.State().Least; least > 12*time.Millisecond {
			t.Errorf("it is thought to have to take %v", least)
		}
	})
}

// A service that can do little is overloaded from the first on, when nobody knows how long its work has to take: that is found out.
func TestAdaptiveBeginsOverloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdaptive(Concurrency{Least: 1, Most: 1000, Tolerance: 25})
		s := &service{make(chan struct{}, 1), 5 * time.Millisecond}
		offer(a, s, time.Millisecond, 15*time.Second, []Priority{Normal})
		o := offer(a, s, time.Millisecond, 10*time.Second, []Priority{Normal})[Normal]
		if could := 2000; o.done < could*9/10 || o.longest > 40*time.Millisecond {
			t.Errorf("%d are done, of which %d could be, in %v at most; %+v", o.done, could, o.longest, a.State())
		}
	})
}

// What is given up gives its place back, and the bounds hold.
func TestAdaptiveBounds(t *testing.T) {
	a := NewAdaptive(Concurrency{Least: 2, Most: 5, Tolerance: 25})
	for i := range 5 {
		if !a.Enter(High) {
			t.Fatalf("number %d is turned away", i+1)
		}
	}
	if a.Enter(High) {
		t.Error("there are more than may be")
	}
	for range 5 {
		a.Forget()
	}
	for i := range 1000 {
		if a.Enter(Normal) {
			a.Leave(at(float64(i)), time.Duration(i+1)*time.Second, at(float64(i)))
		}
	}
	if s := a.State(); s.Limit < 2 || s.Limit > 5 || s.Active != 0 {
		t.Errorf("%+v", s)
	}
}
