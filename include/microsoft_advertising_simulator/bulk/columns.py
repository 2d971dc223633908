"""The columns of Bulk files: those of customer lists, and the wide header of result files."""

from __future__ import annotations

from typing import Final

__all__ = ["INPUT_COLUMNS", "RESULT_COLUMNS"]

INPUT_COLUMNS: Final = (
    "Type",
    "Status",
    "Id",
    "Parent Id",
    "Client Id",
    "Name",
    "Scope",
    "Audience",
    "Description",
    "Action Type",
    "Accept Customer Match Term",
    "Membership Duration",
    "Sub Type",
    "Text",
)
"""The columns that the simulator reads from an uploaded file; others are ignored."""

# Real result files contain all columns of the Bulk schema, whatever was uploaded (observed:
# 438 in 2023, 474 in 2024). The order has no meaning.
_NAMES: Final = """
Type|Status|Id|Parent Id|Campaign Id|Sub Type|Campaign|Ad Group|Website|Sync Time|Client Id|
Modified Time|Multi Media Ad Bid Adjustment|Use Optimized Targeting|Dynamic Description Enabled|
Verified Tracking Setting|Time Zone|Budget|Budget Type|Budget Name|Budget Id|Destination Channel|
Is Multi Channel Campaign|Is Political|Start Date|End Date|Network Distribution|Ad Rotation|Cpc Bid|
Cpv Bid|Cpm Bid|Language|Privacy Status|Ad Group Type|Hotel Ad Group Type|Commission Rate|
Percent Cpc Bid|Url Expansion Opt Out|Ad Group Hotel Listing Group|Hotel Attribute|
Hotel Attribute Value|Transaction Id|Title|Text|Text Part 2|Display Url|Destination Url|Business Name|
Phone Number|Promotion|Editorial Status|Editorial Location|Editorial Term|Editorial Reason Code|
Editorial Appeal Status|Device Preference|Keyword|Match Type|Bid|Param1|Param2|Param3|Target|Target All|
Bid Adjustment|Cashback Percent|Radius Target Id|Name|Company Name|Audience Size|OS Names|Radius|Unit|
Business Id|From Hour|From Minute|To Hour|To Minute|Profile|Profile Id|Version|Disclaimer Ads Enabled|
Disclaimer Name|Disclaimer Title|Disclaimer Layout|Disclaimer Popup Text|Disclaimer Line Text|
Sitelink Extension Order|Sitelink Extension Link Text|Sitelink Extension Destination Url|
Sitelink Extension Description1|Sitelink Extension Description2|Geo Code Status|Business Icon|
Address Line 1|Address Line 2|Postal Code|City|State Or Province Code|Province Name|Latitude|Longitude|
Country Code|Call Only|Call Tracking Enabled|Toll Free|Structured Snippet Header|
Structured Snippet Values|Alternative Text|Media Ids|Publisher Countries|Layouts|Display Text|
AdExtension Header Type|Texts|Height|Width|Advertiser AI Label|System AI Detection Signal|Source Url|
Aspect Ratio|Duration In Milliseconds|Callout Text|Flyer Ad Extension|Account Flyer Ad Extension|
Campaign Flyer Ad Extension|Ad Group Flyer Ad Extension|Flyer Name|Media Urls|Thumbnail Url|
Thumbnail Id|Video Id|Store Id|Store Name|Product Condition 1|Product Value 1|Product Condition 2|
Product Value 2|Product Condition 3|Product Value 3|Product Condition 4|Product Value 4|
Product Condition 5|Product Value 5|Product Condition 6|Product Value 6|Product Condition 7|
Product Value 7|Product Condition 8|Product Value 8|Spend|Impressions|Clicks|CTR|Avg CPC|Avg CPM|
Avg position|Conversions|CPA|Quality Score|Keyword Relevance|Landing Page Relevance|
Landing Page User Experience|App Platform|App Id|Tracking Enabled|Error|Error Number|Error Detail|
Is Excluded|Parent Criterion Id|Campaign Type|Priority|LocalInventoryAdsEnabled|Traffic Split Percent|
Base Campaign Id|Experiment Campaign Id|Experiment Id|Experiment Type|Bid Option|Bid Boost Value|
Maximum Bid|Field Path|Final Url|Mobile Final Url|Tracking Template|Custom Parameter|Is Exact|Source|
Url|Price Extension Type|Header 1|Header 2|Header 3|Header 4|Header 5|Header 6|Header 7|Header 8|
Price Description 1|Price Description 2|Price Description 3|Price Description 4|Price Description 5|
Price Description 6|Price Description 7|Price Description 8|Final Url 1|Final Url 2|Final Url 3|
Final Url 4|Final Url 5|Final Url 6|Final Url 7|Final Url 8|Final Mobile Url 1|Final Mobile Url 2|
Final Mobile Url 3|Final Mobile Url 4|Final Mobile Url 5|Final Mobile Url 6|Final Mobile Url 7|
Final Mobile Url 8|Price 1|Price 2|Price 3|Price 4|Price 5|Price 6|Price 7|Price 8|Currency Code 1|
Currency Code 2|Currency Code 3|Currency Code 4|Currency Code 5|Currency Code 6|Currency Code 7|
Currency Code 8|Price Unit 1|Price Unit 2|Price Unit 3|Price Unit 4|Price Unit 5|Price Unit 6|
Price Unit 7|Price Unit 8|Price Qualifier 1|Price Qualifier 2|Price Qualifier 3|Price Qualifier 4|
Price Qualifier 5|Price Qualifier 6|Price Qualifier 7|Price Qualifier 8|Bid Strategy Id|
Bid Strategy Name|Bid Strategy Type|Bid Strategy MaxCpc|Bid Strategy TargetCpa|Bid Strategy TargetRoas|
Inherited Bid Strategy Type|Bid Strategy TargetAdPosition|Bid Strategy TargetImpressionShare|
Bid Strategy CommissionRate|Bid Strategy PercentMaxCpc|Bid Strategy TargetCostPerSale|
Bid Strategy Scope|Ad Format Preference|Audience|Description|Membership Duration|Scope|UET Tag Id|
Audience Id|Target Setting|Remarketing Rule|Audience Search Size|Audience Network Size|
Supported Campaign Types|Product Audience Type|Source Id|Combination Rule|Entity Type|
Impression Campaign Id|Impression Ad Group Id|Title Part 1|Title Part 2|Title Part 3|Path 1|Path 2|
Domain|Call To Action|Headline|Images|Landscape Image Media Id|Landscape Logo Media Id|Long Headline|
Long Headlines|Square Image Media Id|Square Logo Media Id|Impression Tracking Urls|Headlines|
Descriptions|Call To Action Language|Videos|Ad Schedule|Use Searcher Time Zone|
Ad Schedule Use Searcher Time Zone|Action Type|Accept Customer Match Term|Action Text|Promotion Target|
Discount Modifier|Percent Off|Money Amount Off|Promotion Code|Orders Over Amount|Occasion|
Promotion Start|Promotion End|Currency Code|Domain Language|Dynamic Ad Target Condition 1|
Dynamic Ad Target Value 1|Dynamic Ad Target Condition 2|Dynamic Ad Target Value 2|
Dynamic Ad Target Condition 3|Dynamic Ad Target Value 3|Dynamic Ad Target Condition Operator 1|
Dynamic Ad Target Condition Operator 2|Dynamic Ad Target Condition Operator 3|Page Feed Ids|
Ad Group Url Target Condition 1|Ad Group Url Target Condition 2|Ad Group Url Target Condition 3|
Ad Group Url Target Value 1|Ad Group Url Target Value 2|Ad Group Url Target Value 3|
Ad Group Url Target Operator 1|Ad Group Url Target Operator 2|Ad Group Url Target Operator 3|Feed Id|
Color|Label|Conversion Currency Code|Conversion Name|Conversion Time|Conversion Value|
Microsoft Click Id|Adjustment Value|Adjustment Time|Adjustment Currency Code|Adjustment Type|
External Attribution Credit|External Attribution Model|Hashed Email Address|Hashed Phone Number|
MSCLKID Auto Tagging Enabled|Include View Through Conversions|Profile Expansion Enabled|
Ad Click Parallel Tracking|Auto Apply Recommendations|Allow Image Auto Retrieve|
AI Detected Content Watermark Policy|Business Attributes|Final Url Suffix|Custom Attributes|Feed Name|
Physical Intent|Target Ad Group Id|Target Campaign Id|Schedule|Goal Id|AdCustomizer DataType|
AdCustomizer AttributeValue|Min Target Value|Max Target Value|Audiences|Asset Group|Audience Group|
Age Ranges|Gender Types|Parent Listing Group Id|Audience Group Name|Campaign Negative Webpage|
Asset Group Listing Group|Audience Group Asset Group Association|Auto Generated Text Assets Opt Out|
Auto Generated Image Assets Opt Out|Cost Per Sale Opt Out|Search Theme|Seasonality Adjustment|
Data Exclusion|Device Type|Campaign Associations|Should Serve On MSAN|Attribution Model Type|
Conversion Window In Minutes|Count Type|Exclude From Bidding|Goal Category|
Is Enhanced Conversions Enabled|Revenue Type|Revenue Value|Tracking Status|
View Through Conversion Window In Minutes|Minimum Duration In Second|Action Expression|Action Operator|
Category Expression|Category Operator|Label Expression|Label Operator|Event Value|Event Value Operator|
Is Externally Attributed|Minimum Pages Viewed|URL Expression|URL Operator|Brand Id|Brand Url|Brand Name|
Editorial Status Date|Asset Group Target Condition 1|Asset Group Target Condition 2|
Asset Group Target Condition 3|Asset Group Target Condition Operator 1|
Asset Group Target Condition Operator 2|Asset Group Target Condition Operator 3|
Asset Group Target Value 1|Asset Group Target Value 2|Asset Group Target Value 3|
Additional Conversion Value|New Customer Acquisition Goal Id|New Customer Acquisition Bid Only Mode|
Site List Item Url|Topic Parent Id|Base Domain|AI Search Enabled|Search Term Matching Opt Out|
Account Content Negative Keyword List|Account Content Negative Keyword List Association|
Account Content Shared Negative Keyword
"""

RESULT_COLUMNS: Final = tuple(_NAMES.replace("\n", "").split("|"))
