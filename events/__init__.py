"""The contract between the rooms: schemas, event rules, atomic files and manifests."""
