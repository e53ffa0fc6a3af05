package rpc

import "time"

// fallBack has the call go to the cluster that stands in for its own, of which nobody has got it; false: there is none, or it takes no more either.
func (x *call) fallBack() bool {
	name := x.cluster.Fallback()
	if name == "" {
		return false
	}
	to := x.server.clusters.Cluster(name)
	if to == nil || to.Concurrency != nil && !to.Concurrency.Enter(x.route.PriorityOf(x.fields)) {
		return false
	}
	if was := x.place.of[1]; was != nil {
		was.Forget()
	}
	if x.place.of[1] = to.Concurrency; x.place.began.IsZero() && to.Concurrency != nil {
		x.place.began = time.Now()
	}
	x.cluster, x.tried, x.done.Cluster = to, x.tried[:0], to.Name
	x.earn()
	return true
}
