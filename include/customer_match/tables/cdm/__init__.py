"""CDM folders: a model beside the data says which tables there are, of which files and columns.

Documented: common-data-model/model-json and cdm-manifest of Microsoft's Common Data Model pages.

- `entity.py`: an entity as both kinds of model describe it;
- `model_json.py`, `manifest.py`: the two kinds; `locations.py`: where a model says that its files are;
- `documents.py`: finds models; `table.py`: the table;
- `incremental.py`: a table of all incremental folders of Synapse Link.
"""
