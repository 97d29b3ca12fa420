package memory_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, storetest.Maker{
		Open: func(*testing.T) stores.Store { return memory.New() },
	})
}
