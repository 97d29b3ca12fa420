package health_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/health"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores/memory"
)

// soon is more than it takes to write behind and to hear of it.
const soon = 500 * time.Millisecond

func TestGatewaysShareWhatTheyFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := memory.NewFleet(0, nil)
		one := start(t, health.Config{Store: in(fleet.Join())})
		two := start(t, health.Config{Store: in(fleet.Join())})
		defer one.stop()
		defer two.stop()
		one.watch("abc", none)
		two.watch("abc", none)
		one.meet("a", "xx")
		two.mode("b", messages.Drain)
		time.Sleep(soon)
		two.want("a", "down/-1")
		one.want("b", "draining/-1")
		if !strings.Contains(two.log.String(), "another gateway says: 2 failures in a row") {
			t.Errorf("the log does not say whose finding it is:\n%s", two.log)
		}
		time.Sleep(31 * time.Second)
		two.want("a", "probing/1")
		two.meet("a", ".")
		time.Sleep(soon)
		two.want("a", "up/-1")
		one.want("a", "up/1") // what another one reaches
		one.mode("b", messages.Serve)
		time.Sleep(soon)
		two.want("b", "up/-1")

		late := start(t, health.Config{Store: in(fleet.Join())})
		defer late.stop()
		one.meet("c", "xx")
		time.Sleep(soon)
		one.mode("c", messages.Drain)
		one.meet("g", "xx") // on nobody's list
		time.Sleep(soon)
		two.want("g", "down/-1")
		late.watch("abc", none) // it heard of them before it knew the pool
		late.want("c", "draining/-1")
		late.want("a", "up/-1")
		late.want("g", "down/-1")
		late.mode("c", messages.Serve)
		late.want("c", "down/-1")
		time.Sleep(soon)
		one.want("c", "down/-1")
	})
}

// During an outage each goes on with what it knows; after it the latest finding
// counts, and no administrator's word is lost by a later finding.
func TestAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := memory.NewFleet(0, nil)
		one := start(t, health.Config{Store: in(fleet.Join())})
		two := start(t, health.Config{Store: in(fleet.Join())})
		defer one.stop()
		defer two.stop()
		one.watch("abc", none)
		two.watch("abc", none)
		time.Sleep(soon)
		fleet.Cut(true)
		one.mode("a", messages.Drain)
		one.meet("b", "xx")
		time.Sleep(soon)
		two.meet("a", "xx") // later than one's word
		two.want("a", "down/-1")
		two.want("b", "up/-1")
		time.Sleep(5 * time.Second)
		fleet.Cut(false)
		time.Sleep(20 * time.Second)
		one.want("a", "draining/-1")
		two.want("a", "draining/-1")
		one.want("b", "down/-1")
		two.want("b", "down/-1")
		two.mode("a", messages.Serve)
		time.Sleep(soon)
		one.want("a", "down/-1") // what two found
	})
}

func TestAFleetThatForgot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := memory.NewFleet(0, nil)
		one := start(t, health.Config{Store: in(fleet.Join())})
		defer one.stop()
		one.watch("ab", none)
		one.mode("a", messages.Maintain)
		time.Sleep(soon)
		fleet.Forget()
		one.meet("b", "xx")
		time.Sleep(5 * time.Second)
		two := start(t, health.Config{Store: in(fleet.Join())})
		defer two.stop()
		two.watch("ab", none)
		two.want("a", "maintenance/-1")
		two.want("b", "down/-1")
	})
}
