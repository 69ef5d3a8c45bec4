"""Devices that were found on the broker, and the few typed tools that are made of them.

``model`` is what a thing is, and ``appliance.tools.discovery`` makes things of announcements;
``known`` is what the tools see of them.

Finding: ``found`` follows the announcements, ``merge`` makes one device of one seen twice,
``naming`` cleans what strangers wrote, ``names_file`` reads what the owner wrote.

Doing: ``states`` follows what the house says of its things, ``carry`` carries an order out and
awaits its confirmation.

Asking: ``offer`` makes the tools, ``orders`` reads a call, ``telling`` says how it ended.
"""
