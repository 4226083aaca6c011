package manifold
func best() level { return portable }
func fireVector(level, *uint32, *uint32, *uint32, int, uint32, *uint32) int { return 0 }
func moveVector(level, int, *moveArgs, uint32, uint32, uint32, *uint32, int, *float32) {}
