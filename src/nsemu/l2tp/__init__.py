"""L2TP: control connections and calls as a sans-IO engine (RFC 2661). What the calls carry is not its business."""
